"""The child in which Apprise sends one message: nothing of the notifier is in its memory or environment.

    stdin: Task ─► address, parsed ─► class and options allowed? ─► made ─► TLS checked, no redirects? ─► sent
    stdout: Answer

It alone imports Apprise, which loads some two hundred plugins and logs what it sends.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Collection
from typing import Any, cast

import apprise

from waterclock_api.notifier.delivery.apprise_services import HOSTED, MAIL, SETTING, reads_files
from waterclock_api.notifier.delivery.apprise_words import TASKS, Answer, Task, encode

_library: Any = cast("Any", apprise)  # its annotations are partial
_SAID_MOST = 4096  # characters


class Refused(Exception):
    """The address is not one that may be used; the message shows nothing of it."""


class _Heard(logging.Handler):
    """What Apprise warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def __str__(self) -> str:
        return "; ".join(self.lines)[:_SAID_MOST]


def main() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a plugin prints is no answer
    task = TASKS.decode(sys.stdin.buffer.read())
    signal.alarm(task.seconds)  # whoever was to kill it may be gone
    os.environ["NETRC"] = os.devnull  # Requests would add what a file of this machine's user holds for a host
    heard = _Heard()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    logger.propagate = False
    answer = _answer(task, heard)
    with os.fdopen(answers, "wb") as out:
        out.write(encode(answer))


def _answer(task: Task, heard: _Heard) -> Answer:
    plugins: list[Any] = []
    refused: list[str] = []
    for address in task.addresses:
        try:
            plugins.append(_allowed(address, task.services))
        except Refused as error:
            refused.append(str(error))
        else:
            refused.append("")
    if any(refused) or not task.subject:
        return Answer(refused=tuple(refused))
    (plugin,) = plugins
    return Answer(done=sent(plugin, task), said=str(heard))


def sent(plugin: Any, task: Task) -> bool:
    formats = _library.NotifyFormat
    markdown = (
        plugin.resolve_format(formats.MARKDOWN) == formats.MARKDOWN
        and plugin.resolve_format(formats.HTML) != formats.HTML  # it is made of text, in which nothing is markup
    )
    body = task.markdown if markdown else task.text
    if len(task.subject) + len(body) > plugin.body_maxlen:  # it would be refused, or split into many
        body, markdown = task.short, False
    sender = _library.Apprise(asset=plugin.asset)
    sender.add(plugin)
    done = sender.notify(
        title=task.subject,
        body=body,
        body_format=formats.MARKDOWN if markdown else formats.TEXT,
        notify_type=_library.NotifyType(task.level),
    )
    return bool(done)


def _allowed(address: str, services: Collection[str]) -> Any:
    """The plugin that the address leads to.

    Raises:
        Refused: it may not be used.
    """
    asset = _library.AppriseAsset(
        app_id="Waterclock",
        app_desc="Notices of Waterclock",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        secure_logging=True,
        service_timeout=0,  # this child is killed instead
    )
    parsed: dict[str, Any] | None = _library.plugins.url_to_dict(address, secure_logging=True)
    if not parsed:
        raise Refused("is no address that Apprise can read")
    kind = _library.plugins.N_MGR[parsed["schema"]]
    words = sorted(word for word in _library.plugins.N_MGR.schemas() if _library.plugins.N_MGR[word] is kind)
    if kind.__name__ not in HOSTED | MAIL and not set(words) & set(services):
        raise Refused(f"names the service {words[0]}, which is not allowed: list it in {SETTING}")
    options: list[str] = sorted(parsed["qsd"])  # in small letters, as plugins ask for them
    for option in filter(reads_files, options):
        raise Refused(f"has the option {option}, which is not allowed: it reads files")
    plugin = _library.Apprise.instantiate(parsed, asset=asset)
    if plugin is None:
        raise Refused(f"is no complete address of {kind.service_name}")
    if not plugin.verify_certificate:
        raise Refused("has the option verify=no, which is not allowed: certificates are checked")
    if plugin.redirects:
        raise Refused("has the option redirect=yes, which is not allowed: redirects are not followed")
    return plugin


if __name__ == "__main__":
    main()
