"""What is said to the child and by it: a line of JSON each way, on its standard input and output."""

from __future__ import annotations

import msgspec

from waterclock_api.notifier.delivery.notice_details import Level


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Send a message to an address; without a subject, say only of all addresses whether they may be used."""

    addresses: tuple[str, ...]
    services: tuple[str, ...] = ()  # that the operator allows beside those that everybody may use
    seconds: int  # after which the child ends by itself
    level: Level = "info"
    subject: str = ""
    text: str = ""
    markdown: str = ""
    short: str = ""  # for services that take less than the others are long


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`refused`: of each address why it may not be used, or nothing. `done`: the message is sent.

    `said`: what Apprise warned of, which may hold secrets.
    """

    refused: tuple[str, ...] = ()
    done: bool = False
    said: str = ""


def encode(words: Task | Answer) -> bytes:
    return msgspec.json.encode(words)


TASKS = msgspec.json.Decoder(Task)
ANSWERS = msgspec.json.Decoder(Answer)
