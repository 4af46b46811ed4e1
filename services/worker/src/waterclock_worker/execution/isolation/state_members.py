"""Members of dicts that belong to the whole process: functions of modules, what is imported, the environment."""

from __future__ import annotations

import importlib.machinery
import operator
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from waterclock_worker.execution.isolation.state_kinds import ABSENT

_environ = os.environ


class Members:
    """Members of dicts, compared by identity. Those that come later are no change."""

    def __init__(self, title: str, places: Mapping[str, dict[str, Any]], wanted: Callable[[Any], bool]) -> None:
        """`places`: the dicts by the prefix of their members' names."""
        self.title = title
        self._places = places
        self._wanted = wanted
        self._kept: dict[str, tuple[list[str], list[Any]]] = {}
        self._seen: dict[str, dict[str, Any]] = {}  # copies of dicts in which nothing was changed

    def keep(self) -> None:
        for place, members in self._places.items():
            kept = {name: value for name, value in list(members.items()) if self._wanted(value)}
            self._kept[place] = [*kept], [*kept.values()]

    def take_in(self) -> None:
        """See `changes`: what came later is not ours to judge."""

    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        found: dict[str, tuple[Any, Any]] = {}
        for place, members in self._places.items():
            if _are_same(members, self._seen.get(place)):
                continue
            names, values = self._kept[place]
            self._seen[place] = dict(members)
            if all(map(operator.is_, map(members.get, names), values)):
                continue
            del self._seen[place]
            for name, kept in zip(names, values, strict=True):
                now = members.get(name, ABSENT)
                if now is not kept:
                    found[f"{place}{name}"] = kept, now
        return found

    def adopt(self, name: str, now: Any) -> None:
        _, names, values, member = self._of(name)
        index = names.index(member)
        if now is ABSENT:
            del names[index], values[index]
        else:
            values[index] = now

    def put_back(self, name: str) -> None:
        place, names, values, member = self._of(name)
        self._places[place][member] = values[names.index(member)]

    def say(self, name: str, kept: Any, now: Any) -> str:
        del kept
        return f"{name}, which was {'removed' if now is ABSENT else 'replaced'}"

    def _of(self, name: str) -> tuple[str, list[str], list[Any], str]:
        for place, (names, values) in self._kept.items():
            if name.startswith(place) and (member := name.removeprefix(place)) in names:
                return place, names, values, member
        raise LookupError(name)


class Modules(Members):
    """What is imported. Another module in the place of one that was there is a change; so is one without an origin that
    hides one that has: a stand-in that was left behind."""

    def __init__(self) -> None:
        super().__init__("modules", {"": sys.modules}, lambda _: True)
        self._count = 0
        self._hiding: set[str] = set()

    def keep(self) -> None:
        super().keep()
        self._count = len(sys.modules)

    def take_in(self) -> None:
        if len(sys.modules) == self._count:
            return
        self._count = len(sys.modules)
        names, values = self._kept[""]
        known = {*names}
        for name, module in list(sys.modules.items()):
            if name in known or name in self._hiding:
                continue
            spec = getattr(module, "__spec__", None)
            if getattr(spec, "_initializing", False):
                self._count = -1  # its import may fail: look at it again
            elif "." not in name and spec is None and _is_found(name):
                self._hiding.add(name)
            else:
                names.append(name)
                values.append(module)

    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        found = super().changes()
        if self._hiding:
            self._hiding &= sys.modules.keys()
            found = {**found, **{name: (ABSENT, sys.modules.get(name)) for name in self._hiding}}
        return found

    def adopt(self, name: str, now: Any) -> None:
        if name in self._hiding:
            self._hiding.discard(name)
            self._kept[""][0].append(name)
            self._kept[""][1].append(now)
        else:
            super().adopt(name, now)

    def put_back(self, name: str) -> None:
        if name in self._hiding:
            self._hiding.discard(name)
            sys.modules.pop(name, None)
            self._count = len(sys.modules)
        else:
            super().put_back(name)

    def say(self, name: str, kept: Any, now: Any) -> str:
        how = "hidden by another" if kept is ABSENT else "removed" if now is ABSENT else "replaced"
        return f"the module {name!r} (sys.modules), which was {how}"


class Environment:
    """Variables of the environment; values are nobody's to see."""

    title = "environment"

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}
        self._raw: dict[Any, Any] = {}

    def keep(self) -> None:
        self._kept, self._raw = dict(_environ), dict(self._data())

    def take_in(self) -> None:
        """One that comes later is a change."""

    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        if os.environ is not _environ:
            return {"": (ABSENT, ABSENT)}
        if self._data() == self._raw:
            return {}
        now = dict(_environ)
        names = {name for name in now.keys() | self._kept.keys() if now.get(name) != self._kept.get(name)}
        return {name: (self._kept.get(name, ABSENT), now.get(name, ABSENT)) for name in sorted(names)}

    def adopt(self, name: str, now: Any) -> None:
        os.__dict__["environ"] = _environ
        if not name:
            return
        encode: Any = getattr(_environ, "encodekey", str.encode)
        if now is ABSENT:
            self._kept.pop(name, None)
            self._raw.pop(encode(name), None)
        else:
            self._kept[name] = now
            self._raw[encode(name)] = encode(now)

    def put_back(self, name: str) -> None:
        os.__dict__["environ"] = _environ
        if name in self._kept:
            _environ[name] = self._kept[name]
        elif name:
            _environ.pop(name, None)

    def say(self, name: str, kept: Any, now: Any) -> str:
        if not name:
            return "os.environ, which was replaced"
        how = "removed" if now is ABSENT else "added" if kept is ABSENT else "set anew"
        return f"the environment variable {name}, which was {how}"

    def _data(self) -> dict[Any, Any]:
        return _environ._data  # noqa: SLF001 # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


def _are_same(members: dict[str, Any], seen: dict[str, Any] | None) -> bool:
    """In a third of the time that it takes to compare what is kept; what others have made may refuse to be compared."""
    try:
        return members == seen
    except Exception:  # noqa: BLE001
        return False


def _is_found(name: str) -> bool:
    try:
        return name in sys.stdlib_module_names or importlib.machinery.PathFinder.find_spec(name) is not None
    except (ImportError, ValueError, TypeError, AttributeError):  # others' finders and paths
        return False
