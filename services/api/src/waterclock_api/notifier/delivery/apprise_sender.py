"""Sends by Apprise: a child process for each message, with an empty environment, killed at the deadline.

The address goes to the child's standard input: arguments and environments of processes are read by others.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import signal
import sys
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

import msgspec

from waterclock.kit.redaction import Redactor
from waterclock_api.notifier.delivery.apprise_words import ANSWERS, Answer, Task, encode
from waterclock_api.notifier.delivery.channels import AppriseTarget
from waterclock_api.notifier.delivery.harmless import one_line
from waterclock_api.notifier.delivery.outcome import Again, Dead, Delivered, Outcome
from waterclock_api.notifier.delivery.texts import Message

CHILD = "waterclock_api.notifier.delivery.apprise_child"
_COMMAND = (sys.executable, "-I", "-X", "utf8", "-m", CHILD)
_ANSWER_MOST = 64 * 1024  # bytes
_LINGER = 5  # s after the deadline, at which a child ends that nobody could kill
_SAID_MOST = 400  # characters
_PART = re.compile(r"[/?&;=@:,#\s]+")
_MAIL = frozenset({"mailto", "mailtos"})


class AppriseSender:
    def __init__(self, services: Iterable[str] = (), *, children: int = 2) -> None:
        """`services`: those that the operator allows beside the hosted ones and mail, by the word before `://`.

        `children`: how many there may be at once; others wait. Each takes some 60 MB and half a second of a processor.
        """
        self._places = asyncio.Semaphore(children)
        self._services = tuple(one.strip().lower().removesuffix("://") for one in services)

    async def send(self, target: AppriseTarget, message: Message, *, deadline: float) -> Outcome:
        """Send a message. `deadline`: seconds after which the child is killed."""
        task = Task(
            addresses=(target.address,),
            services=self._services,
            seconds=_seconds(deadline),
            level=message.level,
            subject=message.subject,
            text=message.text,
            markdown=message.markdown,
            short=message.short,
        )
        async with self._places:
            answer = await asked(task, deadline)
        if isinstance(answer, Again):
            return answer
        if refused := "".join(answer.refused):
            return Dead(said=f"the address {refused}")
        if answer.done:
            return Delivered()
        said = one_line(_redactor(target.address).known(answer.said), _SAID_MOST)
        return Again(said=said or "the service did not take it")

    async def flaws(self, targets: Sequence[AppriseTarget], *, deadline: float) -> list[str | None]:
        """Of each address what is wrong with it, going on from `the address`; None: it may be used. Nothing is sent."""
        if not targets:
            return []
        addresses = tuple(target.address for target in targets)
        answer = await asked(Task(addresses=addresses, services=self._services, seconds=_seconds(deadline)), deadline)
        if isinstance(answer, Again):
            return [f"could not be checked: {answer.said}"] * len(targets)
        return [refused or None for refused in answer.refused]


def _seconds(deadline: float) -> int:
    return math.ceil(deadline) + _LINGER


async def asked(task: Task, deadline: float) -> Answer | Again:
    """What a child answers; or that it did not, and why."""
    try:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND, env={}, cwd="/", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return Again(said=f"the child process did not start: {error.strerror}")
    output, code = b"", 0
    try:
        async with asyncio.timeout(deadline):
            output = await _heard(process, encode(task))
            if not output:
                code = await process.wait()
    except TimeoutError:
        return Again(said=f"the service did not answer within {deadline:g} s")
    finally:
        if process.returncode is None:  # also where it has answered: it has nothing else to do
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    try:
        return ANSWERS.decode(output)
    except msgspec.DecodeError:
        return Again(said=f"the child process ended by {_end(code)}, without an answer")


async def _heard(process: asyncio.subprocess.Process, task: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):  # it has ended; its code says why
        process.stdin.write(task)
        await process.stdin.drain()
    process.stdin.close()
    output = bytearray()
    while len(output) <= _ANSWER_MOST and (more := await process.stdout.read(_ANSWER_MOST)):
        output += more
    return bytes(output)


def _end(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _redactor(address: str) -> Redactor:
    """Takes whatever an address is made of out of what is said: most parts of most addresses are credentials.

    Of mail it is what stands before the host alone: server and recipients are where the trouble may be.
    """
    schema, _, rest = address.partition("://")
    if schema.lower() in _MAIL:
        rest = rest.partition("?")[0].rpartition("@")[0]
    parts = {part for part in _PART.split(rest) if part}
    return Redactor({address, *parts, *map(unquote, parts)})
