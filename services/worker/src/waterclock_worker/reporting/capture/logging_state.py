"""What `logging` is set to: as it was when the worker began, and after each lifespan, is what counts."""

from __future__ import annotations

import logging
import operator
from typing import Any, NamedTuple

from waterclock_worker.reporting.step_log import StepLog

NEVER = 1 << 30
"""A level that no record has."""
_DISABLE = "logging.disable"
_ROW = operator.attrgetter("level", "disabled", "propagate", "handlers")


class Standing(NamedTuple):
    """What becomes of a logger's records."""

    level: int  # from here
    lands: bool  # they reach the root's handlers


class _Facts(NamedTuple):
    level: int
    disabled: bool
    propagate: bool
    handlers: tuple[logging.Handler, ...]


class _HandlerFacts(NamedTuple):
    level: int
    formatter: logging.Formatter | None
    filters: tuple[Any, ...]


_TOP = Standing(0, lands=True)


class LoggingState:
    """Implements `waterclock_worker.execution.isolation.state_kinds.Family`; the names are those of loggers."""

    title = "logging"

    def __init__(self, ours: logging.Handler) -> None:
        self.added: dict[logging.Handler, tuple[StepLog, logging.Logger]] = {}  # by runs, for themselves
        self.behind: tuple[logging.Handler, ...] = ()  # the root's, of the process
        self._ours = ours
        self._loggers: dict[logging.Logger, _Facts] = {}
        self._handlers: dict[logging.Handler, _HandlerFacts] = {}
        self._disable = 0
        self._known = 0  # loggers, and places for some, that were there at the last look
        self._standing: dict[logging.Logger, Standing] = {}
        self._rows: dict[logging.Logger, Any] = {}  # what is kept, as it is compared in one go

    def keep(self) -> None:
        root = logging.root
        known = [root, *(one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger))]
        self._loggers = {one: self._facts(one) for one in known}
        self._disable = root.manager.disable
        self._keep_handlers()
        self._standing = {}

    def standing(self, logger: logging.Logger) -> Standing:
        """As it is kept; one that has come later is kept as it is found."""
        found = self._standing.get(logger)
        if found is None:
            level, disabled, propagate, _ = self._loggers.get(logger) or self._loggers.setdefault(
                logger, self._as_made(logger)
            )
            above = _TOP if logger.parent is None else self.standing(logger.parent)
            found = Standing(max(level or above.level, self._disable + 1), above.lands and propagate)
            if disabled:
                found = Standing(NEVER, lands=False)
            self._standing[logger] = found
        return found

    def take_in(self) -> None:
        """Loggers that have come meanwhile count from now on, as they were made."""
        known = logging.root.manager.loggerDict
        if len(known) != self._known:
            self._known = len(known)
            for one in list(known.values()):
                if isinstance(one, logging.Logger) and one not in self._loggers:
                    self._loggers[one] = self._as_made(one)
                    self._rows = {}

    def is_kept(self, handler: object) -> bool:
        """Whether lines of other runs, or of the worker, pass it."""
        return isinstance(handler, logging.Handler) and handler in self._handlers

    def expect(self, logger: logging.Logger) -> None:
        """A run is about to set it: if it stands above others that are known, it counts for them as it is."""
        if logger not in self._loggers and any(one.name.startswith(f"{logger.name}.") for one in list(self._loggers)):
            self._loggers[logger] = self._as_made(logger)
            self._rows, self._standing = {}, {}

    def changes(self) -> dict[str, tuple[Any, Any]]:
        found: dict[str, tuple[Any, Any]] = {}
        if not self._rows or list(map(_ROW, self._rows)) != [*self._rows.values()]:
            for logger, kept in list(self._loggers.items()):
                now = self._facts(logger)
                if now != kept:
                    found[logger.name] = kept, now
            if not found and not self.added:
                self._rows = {logger: (*kept[:3], [*kept.handlers]) for logger, kept in self._loggers.items()}
        for handler, kept in self._handlers.items():
            now = _handler_facts(handler)
            if now != kept:
                found[_name_of(handler)] = kept, now
        if logging.root.manager.disable != self._disable:
            found[_DISABLE] = self._disable, logging.root.manager.disable
        return found

    def adopt(self, name: str, now: Any = None) -> None:
        """Without `now`: what is so."""
        if name == _DISABLE:
            self._disable = logging.root.manager.disable if now is None else now
        for logger in [one for one in self._loggers if one.name == name]:
            self._loggers[logger] = self._facts(logger) if now is None else now
        self._rows = {}
        self._keep_handlers()
        self._standing = {}

    def put_back(self, name: str) -> None:
        for logger, kept in list(self._loggers.items()):
            if logger.name == name:
                logger.level, logger.disabled, logger.propagate = kept[:3]
                own = [one for one in logger.handlers if self._is_of_a_run(one)]
                logger.handlers[:] = [*kept.handlers, *own]
        for handler, kept in self._handlers.items():
            if _name_of(handler) == name:
                handler.level, handler.formatter, handler.filters[:] = kept.level, kept.formatter, kept.filters
        if name == _DISABLE:
            logging.root.manager.disable = self._disable
        for handler, (owner, logger) in list(self.added.items()):
            if owner.closed and logger.name == name:
                del self.added[handler]
        manager: Any = logging.root.manager
        manager._clear_cache()  # noqa: SLF001 - as `setLevel` does

    def say(self, name: str, kept: Any, now: Any) -> str:
        if name == _DISABLE:
            return f"logging.disable (up to level {now})"
        if isinstance(kept, _Facts):
            parts = [part for part in _Facts._fields if getattr(kept, part) != getattr(now, part)]
            return f"{' and '.join(parts)} of the logger {name!r}"
        return f"level, formatter or filters of the {name}"

    def _as_made(self, logger: logging.Logger) -> _Facts:
        """Nobody makes one that is disabled."""
        handlers = tuple(one for one in logger.handlers if one not in self.added)
        return _Facts(logger.level, disabled=False, propagate=logger.propagate, handlers=handlers)

    def _facts(self, logger: logging.Logger) -> _Facts:
        handlers = logger.handlers
        if self.added:
            handlers = [one for one in handlers if not self._is_of_a_run(one)]
        return _Facts(logger.level, logger.disabled, logger.propagate, tuple(handlers))

    def _is_of_a_run(self, handler: logging.Handler) -> bool:
        """Its run goes on: the handler is its own, and nobody else's records reach it."""
        owner = self.added.get(handler)
        return owner is not None and not owner[0].closed

    def _keep_handlers(self) -> None:
        kept = self._loggers[logging.root].handlers
        self.behind = tuple(one for one in kept if one is not self._ours)
        self._handlers = {one: _handler_facts(one) for one in kept}


def _handler_facts(handler: logging.Handler) -> _HandlerFacts:
    return _HandlerFacts(handler.level, handler.formatter, tuple(handler.filters))


def _name_of(handler: logging.Handler) -> str:
    return f"handler {type(handler).__name__}"
