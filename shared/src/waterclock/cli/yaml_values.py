"""Text in YAML 1.2 → values of JSON. How deep it is and how much aliases repeat is known before anything is built.

    bytes ── text_of ──► text ── composed ──► nodes, counted ── built ──► text, numbers, truth values, lists, mappings

Plain values are read by the core schema of YAML 1.2 (10.3.2): `0x1F` is 31, `0777` is 777, `no` and `12:30` are text.
What JSON has no value for (infinities, other tags, a key that is no text) is refused, with the pointer to it.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, ClassVar, NamedTuple, cast

import yaml

from waterclock.cli.yaml_messages import odd_character, why_no_yaml
from waterclock.client.errors import FieldProblem

BYTES_MOST = 64 << 20
DEPTH_MOST = 34
"""Lists and mappings within each other: 32 in a body of the API, and two around it in a file."""
ALIASED_MOST = 1_000_000
"""Values that aliases repeat, in all."""
DIGITS_MOST = 4_300  # of a whole number, as Python reads one
FLAWS_MOST = 100

FORMS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+0123456789.")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
)
"""Tags of plain values, in the order in which they are tried, and the signs that such a value begins with."""

_TAG = "tag:yaml.org,2002:"
_INT, _FLOAT = (re.compile(form) for _, form, _ in FORMS[2:4])
_ENDLESS = re.compile(FORMS[4][1])
_ENCODINGS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class BadFile(Exception):
    """`flaws` name each by a JSON pointer."""

    def __init__(self, *flaws: FieldProblem) -> None:
        super().__init__("; ".join(f"{flaw.pointer or '/'} {flaw.message}" for flaw in flaws))
        self.flaws = flaws


def text_of(data: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 with its mark, whatever the machine is set to.

    Raises:
        BadFile: it is in no such encoding, or too large.
    """
    if len(data) > BYTES_MOST:
        raise BadFile(FieldProblem("", f"is larger than {BYTES_MOST >> 20} MiB"))
    if data.startswith(b"\x1f\x8b"):
        raise BadFile(FieldProblem("", "is compressed (gzip): unpack it first"))
    mark, encoding = next((known for known in _ENCODINGS if data.startswith(known[0])), (b"", "utf-8"))
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(encoding, errors="replace")
        place = f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
        said = f"is not {encoding.upper()[:6].rstrip('-')}: byte 0x{error.object[error.start]:02x} at {place}"
        raise BadFile(FieldProblem("", f"{said}; save the file as UTF-8")) from None


def read_yaml(text: str) -> Any:
    """
    Raises:
        BadFile: it is no YAML, too deep, or holds what JSON cannot; names every flaw of the last kind.
    """
    if (odd := odd_character(text)) is not None:
        raise BadFile(FieldProblem("", f"is not valid YAML: {odd}"))
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise BadFile(FieldProblem("", why_no_yaml(error))) from None
    if root is None:
        return None
    builder = _Builder()
    found = builder.built(root, "")
    if builder.flaws:
        raise BadFile(*builder.flaws)
    return found


class _Weight(NamedTuple):
    values: int
    depth: int


class _Loader(yaml.SafeLoader):
    """Composes nodes, and knows of each how much it holds once aliases are followed."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._weights: dict[int, _Weight] = {}
        self._open: list[list[_Weight]] = []  # of each node that is being composed, what lies in it
        self._aliased = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        mark = cast("Any", self).peek_event().start_mark
        if cast("Any", self).check_event(yaml.AliasEvent):
            node = super().compose_node(parent, index)
            weight = self._weights.get(id(node))
            if weight is None:
                raise yaml.MarkedYAMLError(None, None, "an alias refers to the value that contains it", mark)
            self._aliased += weight.values
            if self._aliased > ALIASED_MOST:
                said = f"aliases repeat more than {ALIASED_MOST} values"
                raise yaml.MarkedYAMLError(None, None, said, mark)
            self._check_depth(weight.depth, mark)
        else:
            inner = cast("Any", self).check_event(yaml.SequenceStartEvent, yaml.MappingStartEvent)
            self._check_depth(int(inner), mark)
            self._open.append([])
            node = super().compose_node(parent, index)
            parts = self._open.pop()
            deepest = max((part.depth for part in parts), default=0)
            weight = _Weight(1 + sum(part.values for part in parts), deepest + int(inner))
            self._weights[id(node)] = weight
        if self._open:
            self._open[-1].append(weight)
        return node

    def _check_depth(self, more: int, mark: Any) -> None:
        if len(self._open) + more > DEPTH_MOST:
            said = f"lists and mappings are nested more than {DEPTH_MOST} deep"
            raise yaml.MarkedYAMLError(None, None, said, mark)


class _Builder:
    """Values of nodes. What aliases share is built once."""

    def __init__(self) -> None:
        self.flaws: list[FieldProblem] = []
        self._built: dict[int, Any] = {}

    def built(self, node: Any, at: str) -> Any:
        if id(node) in self._built:
            return self._built[id(node)]
        if isinstance(node, yaml.ScalarNode):
            found = self._scalar(node, at)
        elif node.tag not in (f"{_TAG}seq", f"{_TAG}map"):
            found = self._flaw(at, f"has the tag {_shown(node.tag)}: a job file has plain lists and mappings")
        elif isinstance(node, yaml.SequenceNode):
            found = [self.built(each, f"{at}/{place}") for place, each in enumerate(cast("Any", node).value)]
        else:
            found = self._mapping(node, at)
        self._built[id(node)] = found
        return found

    def _mapping(self, node: Any, at: str) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged = {**self._merged(value, at), **merged}
                continue
            name = self._key(key, at)
            if name is None:
                continue
            if name in own:
                self._flaw(pointer(at, name), "is given twice in one mapping")
            own[name] = self.built(value, pointer(at, name))
        return merged | own

    def _merged(self, node: Any, at: str) -> dict[str, Any]:
        """What `<<` brings in: of several the first that has a member counts."""
        several = cast("Any", node).value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Any] = {}
        for one in several:
            value = self.built(one, at)
            if not isinstance(value, dict):
                self._flaw(at, "has a merge key (<<) whose value is not a mapping")
                return {}
            found = cast("dict[str, Any]", value) | found
        return found

    def _key(self, node: Any, at: str) -> str | None:
        """A member's name; None where it is none, which is a flaw."""
        if not isinstance(node, yaml.ScalarNode):
            self._flaw(at, "has a list or a mapping as a member name")
            return None
        written = str(cast("Any", node).value)
        if node.tag == f"{_TAG}str":
            return self._text(written, at)
        kinds = {"null": "nothing (null)", "bool": "a truth value", "int": "a number", "float": "a number"}
        kind = kinds.get(node.tag.removeprefix(_TAG), f"of the tag {_shown(node.tag)}")
        said = f'is a member name and reads as {kind}: put it in quotes, "{_shown(written)}"'
        self._flaw(pointer(at, written), said)
        return None

    def _scalar(self, node: Any, at: str) -> Any:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str":
                return self._text(text, at)
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return self._int(text, at)
            case "float":
                return self._float(text, at)
            case _:
                return self._flaw(
                    at, f"has the tag {_shown(node.tag)}: a job file has text, numbers, booleans and null"
                )

    def _text(self, text: str, at: str) -> str:
        """Pairs of escapes that stand for one character, as JSON writes them, are that character."""
        if text.isascii():
            return text
        try:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            self._flaw(at, "holds half of a surrogate pair (an escape from \\ud800 to \\udfff): not a character")
            return ""

    def _int(self, text: str, at: str) -> Any:
        if _INT.fullmatch(text) is None:
            return self._flaw(at, f"{_shown(text)!r} is not a whole number")
        if len(text) > DIGITS_MOST:
            return self._flaw(at, f"has more than {DIGITS_MOST} digits")
        return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))

    def _float(self, text: str, at: str) -> Any:
        if _ENDLESS.fullmatch(text):
            return self._flaw(at, f'{text} is not a number that JSON can hold; put text in quotes, "{text}"')
        if _FLOAT.fullmatch(text) is None:
            return self._flaw(at, f"{_shown(text)!r} is not a number")
        number = float(text)
        if number in (float("inf"), float("-inf")):
            said = f'{_shown(text)} is beyond the largest number, 1.8e308; put text in quotes, "{_shown(text)}"'
            return self._flaw(at, said)
        return number

    def _flaw(self, at: str, message: str) -> None:
        if len(self.flaws) < FLAWS_MOST:
            self.flaws.append(FieldProblem(at, message))


def pointer(at: str, name: str) -> str:
    """A JSON pointer one further (RFC 6901)."""
    return f"{at}/{name.replace('~', '~0').replace('/', '~1')}"


def _shown(text: str) -> str:
    short = text.removeprefix(_TAG)
    return short if len(short) <= 60 else f"{short[:60]}…"


for _name, _form, _first in FORMS:
    for _sign in _first:
        _Loader.yaml_implicit_resolvers.setdefault(_sign, []).append((f"{_TAG}{_name}", re.compile(rf"^(?:{_form})$")))
