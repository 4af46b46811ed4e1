"""Kinds of things that belong to the whole process: how they are read, compared with what is kept, put back."""

from __future__ import annotations

import faulthandler
import operator
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()
_OWN = "on"
_STANDARD_ERROR = 2


class Family(Protocol):
    """Things of one kind, by name."""

    title: str

    def keep(self) -> None:
        """What is so now is what is put back later."""
        ...

    def take_in(self) -> None:
        """Things that have come meanwhile count from now on."""
        ...

    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        """Of what differs from what is kept: that, and what is there now."""
        ...

    def adopt(self, name: str, now: Any) -> None:
        """What `changes` found is what is put back later."""
        ...

    def put_back(self, name: str) -> None:
        """
        Raises:
            Exception: it cannot be done.
        """
        ...

    def say(self, name: str, kept: Any, now: Any) -> str:
        """What was changed, in a few words without secrets."""
        ...


class Setting(NamedTuple):
    """One value. `write` puts it back."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    told: bool = True  # its values can be told


class Settings:
    """Values that are numbers, texts and tuples of such."""

    title = "settings"

    def __init__(self, settings: list[Setting]) -> None:
        self._settings = {one.name: one for one in settings}
        self._reads = [one.read for one in settings]
        self._kept: list[Any] = []

    def keep(self) -> None:
        self._kept = [read() for read in self._reads]

    def take_in(self) -> None:
        """There are no more than these."""

    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        now = [read() for read in self._reads]
        if now == self._kept:
            return {}
        triples = zip(self._settings, self._kept, now, strict=True)
        return {name: (kept, found) for name, kept, found in triples if kept != found}

    def adopt(self, name: str, now: Any) -> None:
        self._kept[[*self._settings].index(name)] = now

    def put_back(self, name: str) -> None:
        self._settings[name].write(self._kept[[*self._settings].index(name)])

    def say(self, name: str, kept: Any, now: Any) -> str:
        return f"the {name} ({kept} → {now})" if self._settings[name].told else f"the {name}"


class Umask:
    """The kernel says it only to who sets it, or slowly: what `os.umask` was last called with is what it is."""

    def __init__(self) -> None:
        self._set = os.umask
        self.value = 0

    def learn(self) -> None:
        self.value = self._set(0o077)
        self._set(self.value)

    def put(self, value: int) -> None:
        self._set(value)
        self.value = value


class Faults:
    """Where `faulthandler` writes to cannot be read: what it was last called with is what holds."""

    def __init__(self) -> None:
        self._enable, self._disable = faulthandler.enable, faulthandler.disable
        self._own = self.value = _OWN if faulthandler.is_enabled() else None

    def put(self, value: str | None) -> None:
        if value == self._own is not None:
            self._enable(_STANDARD_ERROR)
        elif value is None:
            self._disable()
        self.value = value


class Objects:
    """Compared by identity: what others have made may compare as it likes."""

    title = "hooks"

    def __init__(self, single: Mapping[str, Any], many: Mapping[str, Any]) -> None:
        """Each name with how it is read and put back."""
        self._ways = {**single, **many}
        self._reads = [(name, read, name in many) for name, (read, _) in self._ways.items()]
        self._kept: dict[str, Any] = {}

    def keep(self) -> None:
        self._kept = {name: read() for name, read, _ in self._reads}

    def take_in(self) -> None:
        """There are no more than these."""

    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        found: dict[str, tuple[Any, Any]] = {}
        for name, read, many in self._reads:
            kept, now = self._kept[name], read()
            if kept is now:
                continue
            if not many or len(kept) != len(now) or not all(map(operator.is_, kept, now)):
                found[name] = kept, now
        return found

    def adopt(self, name: str, now: Any) -> None:
        self._kept[name] = now

    def put_back(self, name: str) -> None:
        self._ways[name][1](self._kept[name])

    def say(self, name: str, kept: Any, now: Any) -> str:
        del kept, now
        return name


class Once:
    """What is done by a call and leaves nothing to read: the call is noted, and undone by another."""

    title = "calls"

    def __init__(self, undo: Mapping[str, Callable[[], object]]) -> None:
        self.done: set[str] = set()
        self._undo = undo

    def keep(self) -> None:
        self.done.clear()

    def take_in(self) -> None:
        """There are no more than these."""

    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        return dict.fromkeys(list(self.done), (ABSENT, ABSENT)) if self.done else {}

    def adopt(self, name: str, now: Any) -> None:
        del now
        self.done.discard(name)

    def put_back(self, name: str) -> None:
        self.done.discard(name)
        self._undo[name]()

    def say(self, name: str, kept: Any, now: Any) -> str:
        del kept, now
        return name
