"""Scripts as the server gets them: what the body of a file needs of the prelude, and the body, with its keys named.

A file of `lua/` begins with its shebang and its purpose, and names its keys in one line `--! keys: meta events queues`,
where `queues` stands for the streams of every queue. The keys are bound to the table `K`, and those of a queue to
`QUEUES[name]`. A line `--! shadows: jobs queues` names the shadows that it touches beside them, bound to `S` and
`SHADOWS[name]`; with `--! shadows only` all keys but `meta` are shadows. `--! ungated` leaves out the gate.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Generic, NamedTuple, TypeVar

import msgspec

from waterclock.wire.keys import SHADOW

Reply = TypeVar("Reply")

PRELUDE = ("gate", "records", "remembered", "standing", "aside", "jobs", "requesting", "finishing")
"""The files of `lua/prelude/`, in the order in which they build on each other."""

_AT_THE_LIMIT = "#!lua flags=allow-oom"
_KEYS = re.compile(r"^--! keys: (.+)$", re.MULTILINE)
_SHADOWS = re.compile(r"^--! shadows: (.+)$", re.MULTILINE)
_ONLY = re.compile(r"^--! shadows only$", re.MULTILINE)
_COMMENT = re.compile(r"--.*$", re.MULTILINE)
_DEFINED = re.compile(r"^local (?:function (\w+)|([\w, ]+?)(?: =|$))", re.MULTILINE)
_folder = files("waterclock.log").joinpath("lua")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that tells where the events of the partition end, by then."""

    last: tuple[int, int] = (0, 0)  # epoch and number of the last entry; 0, 0: not told


class Source(NamedTuple):
    text: bytes
    sha: bytes
    keys: tuple[str, ...]  # as the script names them, without those of queues
    queues: bool
    spelled: tuple[str, ...]  # names in `wire.keys` of all keys before those of queues
    kinds: tuple[str, ...]  # of the streams of each queue: what stands before their names


def always(_: object) -> bool:
    """Of a script each answer of which is an acknowledgement."""
    return True


class Script(Generic[Reply]):
    """One script file and the type of its reply.

    `relieving`: these calls of it free memory or take the load off, so that they are executed at the memory limit, too.
    `acknowledges`: whether a reply says that something happened, which replicas are to have first where that is set.
    """

    def __init__(
        self,
        name: str,
        reply: type[Reply],
        *,
        relieving: bool = False,
        acknowledges: Callable[[Reply], bool] = lambda _: False,
    ) -> None:
        self.acknowledges = acknowledges
        self.name = f"{name} to relieve" if relieving else name
        self.decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(reply)
        self.source = _source(name, relieving=relieving)


def _source(name: str, *, relieving: bool) -> Source:
    own = _folder.joinpath(f"{name}.lua").read_text("utf-8")
    shebang, _, body = own.partition("\n")
    named = _KEYS.search(body)
    assert shebang.startswith("#!lua"), name
    assert named, name
    keys, queues = _split(named[1])
    beside = _SHADOWS.search(body)
    shadows, shadow_queues = _split(beside[1]) if beside else ((), False)
    kind = SHADOW if _ONLY.search(body) else ""
    head = _bindings(keys, shadows, queues=queues, gated="--! ungated" not in body)
    if relieving:
        shebang = _AT_THE_LIMIT
    text = f"{shebang}\n{head}\n{_used(body)}\n{body}".encode()
    spelled = *(key if key == "meta" else f"{kind}{key}" for key in keys), *(f"{SHADOW}{key}" for key in shadows)
    kinds = (SHADOW,) * shadow_queues + (kind,) * queues
    sha = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()  # the server's choice
    return Source(text, sha, keys, queues, spelled, kinds)


def _split(named: str) -> tuple[tuple[str, ...], bool]:
    """The names of a line, and whether those of queues are among them."""
    names = named.split()
    return tuple(name for name in names if name != "queues"), "queues" in names


def _used(body: str) -> str:
    """The paragraphs of the prelude that the body needs, in their order."""
    paragraphs = _prelude()
    wanted = _words(body)
    chosen: set[int] = set()
    growing = True
    while growing:
        growing = False
        for place, paragraph in enumerate(paragraphs):
            if place not in chosen and (not paragraph.defines or paragraph.defines & wanted):
                chosen.add(place)
                wanted |= paragraph.uses
                growing = True
    return "\n\n".join(paragraphs[place].text for place in sorted(chosen))


@cache
def _prelude() -> list[_Paragraph]:
    texts = [_folder.joinpath("prelude", f"{part}.lua").read_text("utf-8") for part in PRELUDE]
    every = (_Paragraph.of(text) for text in re.split(r"\n\n(?=\S)", "\n\n".join(texts)))
    return [paragraph for paragraph in every if paragraph.text]


class _Paragraph(NamedTuple):
    text: str
    defines: frozenset[str]
    uses: frozenset[str]

    @classmethod
    def of(cls, text: str) -> _Paragraph:
        code = _COMMENT.sub("", text)
        names = [name for found in _DEFINED.finditer(code) for name in (found[1] or found[2]).split(",")]
        return cls(code.strip("\n"), frozenset(name.strip() for name in names), _words(code))


def _words(code: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", _COMMENT.sub("", code)))


def _bindings(keys: Sequence[str], shadows: Sequence[str], *, queues: bool, gated: bool) -> str:
    """The keys come in this order: named ones, named shadows, shadows of queues, queues."""
    named = len(keys) + len(shadows)
    bound = f"local K, GATED = {{{_table(keys, 1)}}}, {str(gated).lower()}"
    if not shadows:
        first = named + 1 if queues else "#KEYS + 1"
        return f"{bound} local FIRST_QUEUE_KEY = {first}"
    return (
        f"{bound} local S = {{{_table(shadows, len(keys) + 1)}}}"
        f" local FIRST_SHADOW_QUEUE_KEY, FIRST_QUEUE_KEY = {named + 1}, {named + 1} + (#KEYS - {named}) / 2"
    )


def _table(names: Sequence[str], first: int) -> str:
    return ", ".join(f"{name} = KEYS[{place}]" for place, name in enumerate(names, start=first))
