"""The file of rules and channels, read again when it changes; a wrong one never takes the place of a right one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from waterclock.cli.yaml_values import BadFile, read_yaml, text_of
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.rule_file import BadRules, RuleFlaw, read_rules
from waterclock.model.notices.rules import Heartbeat, NoticeRules
from waterclock_api.notifier.delivery.channels import Channel, heartbeat_flaws, read_channels

LOOK_EVERY = 1.0  # s

_log = logging.getLogger(__name__)

Check = Callable[[Iterable[Channel], Heartbeat | None], Awaitable[Sequence[RuleFlaw]]]
"""What keeps channels, and the heartbeat, from being sent to."""


class Rules(NamedTuple):
    file: NoticeRules
    book: RuleBook
    channels: Mapping[str, Channel]


class BadNotices(Exception):
    """The file cannot be used: one line for each flaw."""

    def __init__(self, path: Path, flaws: Iterable[RuleFlaw]) -> None:
        self.flaws = tuple(flaws)
        super().__init__("\n".join(f"{path}: {flaw}" for flaw in self.flaws))


async def load(path: Path, check: Check) -> Rules:
    """
    Raises:
        BadNotices: it cannot be read, or something in it is wrong; names every flaw.
    """
    file, channels = _read(path)
    if flaws := await check(channels.values(), file.heartbeat):
        raise BadNotices(path, flaws)
    return Rules(file, RuleBook(file), channels)


def _read(path: Path) -> tuple[NoticeRules, Mapping[str, Channel]]:
    try:
        file = read_rules(read_yaml(text_of(path.read_bytes())))
        channels = read_channels(file.channels)
        if file.heartbeat is not None and (flaws := heartbeat_flaws(file.heartbeat, None)):
            raise BadNotices(path, flaws)
    except OSError as error:
        raise BadNotices(path, [RuleFlaw("", f"cannot be read: {error.strerror}")]) from error
    except BadFile as error:
        raise BadNotices(path, (RuleFlaw(flaw.pointer, flaw.message) for flaw in error.flaws)) from error
    except BadRules as error:
        raise BadNotices(path, error.flaws) from error
    return file, channels


class RulesSource:
    """`rules`: those in force. `wrong`: what is wrong with a newer file; None: nothing, or there is none."""

    def __init__(self, path: Path, rules: Rules, check: Check) -> None:
        self.rules = rules
        self.wrong: str | None = None
        self._path = path
        self._check = check
        self._seen = _stamp(path)

    @classmethod
    async def begin(cls, path: Path, check: Check) -> RulesSource:
        """
        Raises:
            BadNotices: the file cannot be used.
        """
        return cls(path, await load(path, check), check)

    def book(self) -> RuleBook:
        return self.rules.book

    def channels(self) -> Mapping[str, Channel]:
        return self.rules.channels

    async def keep(self, again: asyncio.Event) -> None:
        """Read the file again whenever it has changed, and when `again` is set; until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await again.wait()
                again.clear()
            except TimeoutError:
                if _stamp(self._path) == self._seen:
                    continue
            await self._read_again()

    async def _read_again(self) -> None:
        self._seen = _stamp(self._path)
        try:
            self.rules = await load(self._path, self._check)
        except BadNotices as error:
            self.wrong = str(error)
            _log.error("notices file not usable", extra={"reason": str(error)})
        else:
            self.wrong = None
            _log.info("notices file read", extra={"rules": len(self.rules.file.rules)})


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
