"""A file of jobs (YAML) ↔ definitions.

    owner: team-sea
    jobs:
      - jobName: tide-table
        jobGroup: sea
        invokeTarget: demo.steps
        cronExpression: 0 4 * * *

Members are those of the API. What is left out takes its default, but `status`: whoever has disabled a job of the file
keeps it disabled, unless the file says otherwise.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, cast

import msgspec
import yaml

from waterclock.cli.yaml_values import FORMS, BadFile, pointer, read_yaml, text_of
from waterclock.client.errors import FieldProblem
from waterclock.kit.text.validation_messages import message_of, none_of_codes, pointer_of
from waterclock.model.cron.parse import names_zone
from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.definition import PARTS, Definition
from waterclock.model.durations import moment, seconds
from waterclock.model.ids import JobId
from waterclock.model.instants.timetable import schedule_of
from waterclock.model.parameters.bounds import LABEL_MOST, RANGES, bound_flaws
from waterclock.model.promise import Promise
from waterclock.model.words import CODED, code_of, worded

OWNER = "waterclock/owner"
"""The label by which a file's jobs are known, and pruned."""

_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(Definition)}
DURATIONS = RANGES.keys() - {"pace", "delay"}
MOMENTS = frozenset({"startAt", "endAt"})
_ONE_LINE = frozenset({"jobName", "jobGroup", "invokeTarget", "cronExpression", "queue", "timezone"})
_ALWAYS = frozenset({"misfirePolicy", "concurrent", "timezone"})
"""Written also at their defaults: an installation, and `job create`, may have others. `status` is not: a file that says
it enables whatever somebody has disabled."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A job as a file has it. `settled`: the file says whether it is enabled; `zoned`: the file says its zone."""

    definition: Definition
    settled: bool
    zoned: bool = True


class File(msgspec.Struct, frozen=True, kw_only=True):
    owner: str | None
    jobs: tuple[Wanted, ...]


def read_file(written: bytes | str) -> File:
    """
    Raises:
        BadFile: names every flaw.
    """
    found = read_yaml(text_of(written) if isinstance(written, bytes) else written)
    if not isinstance(found, dict):
        raise BadFile(FieldProblem("", "must be a mapping with `jobs`, a list"))
    flaws: list[FieldProblem] = []
    members = cast("dict[str, Any]", found)
    flaws += [
        FieldProblem(pointer("", name), _unknown(name, ("owner", "jobs"))) for name in members if name not in _TOP
    ]
    owner, jobs = members.get("owner"), members.get("jobs")
    if owner is not None and (not isinstance(owner, str) or not owner):
        flaws.append(FieldProblem("/owner", "must be text"))
        owner = None
    elif owner is not None and len(owner) > LABEL_MOST:
        flaws.append(FieldProblem("/owner", f"has {len(owner)} characters; the maximum is {LABEL_MOST}"))
        owner = None
    if not isinstance(jobs, list):
        raise BadFile(*flaws, FieldProblem("/jobs", "must be a list"))
    items = cast("list[Any]", jobs)
    wanted = [_wanted(item, f"/jobs/{place}", owner, flaws) for place, item in enumerate(items)]
    flaws += _doubles(wanted)
    if flaws:
        raise BadFile(*flaws)
    return File(owner=owner, jobs=tuple(one for one in wanted if one is not None))


def write_file(definitions: Iterable[Definition], *, shown: bool = False) -> str:
    """What `read_file` reads as these: members that are not at their defaults, `_ALWAYS`, and one owner at the head.

    `shown`: with escapes for what a terminal would obey or not show.
    """
    jobs = list(definitions)
    owners = {one.labels.get(OWNER) for one in jobs}
    owner = owners.pop() if len(owners) == 1 else None
    head = {} if owner is None else {"owner": owner}
    document = {**head, "jobs": [_members(one, without=OWNER if owner else None) for one in jobs]}
    text = yaml.dump(document, Dumper=_Shown if shown else _Dumper, sort_keys=False, allow_unicode=True, width=120)
    if not shown:
        return text
    return "".join([sign if sign.isprintable() or sign == "\n" else _escape(sign) for sign in text])


_TOP = frozenset({"owner", "jobs"})


def _wanted(item: Any, at: str, owner: str | None, flaws: list[FieldProblem]) -> Wanted | None:
    """None where something is wrong with it, which is added to `flaws`."""
    if not isinstance(item, dict):
        flaws.append(FieldProblem(at, "must be a mapping"))
        return None
    before = len(flaws)
    members = cast("dict[str, Any]", item)
    flaws += [FieldProblem(pointer(at, name), _unknown(name, _FIELDS)) for name in members if name not in _FIELDS]
    read = {name: _read(name, value, f"{at}/{name}", flaws) for name, value in members.items() if name in _FIELDS}
    if len(flaws) > before:
        return None
    try:
        definition = msgspec.convert(read, Definition)
        if definition.promise in (None, Promise()):
            definition = msgspec.structs.replace(definition, promise=msgspec.UNSET)
        schedule_of(JobId(""), definition)
    except msgspec.ValidationError as error:
        flaws.append(_flaw(error, at))
        return None
    except BadSchedule as error:
        flaws.append(FieldProblem(f"{at}/{error.field}", error.message))
        return None
    if owner is not None:
        if definition.labels.get(OWNER, owner) != owner:
            flaws.append(FieldProblem(f"{at}/labels", f"name another {OWNER} than the file's owner, {owner}"))
        definition = msgspec.structs.replace(definition, labels={**definition.labels, OWNER: owner})
    flaws += [FieldProblem(at + flaw.pointer, flaw.message) for flaw in bound_flaws(definition)]
    zoned = "timezone" in members or names_zone(definition.cron_expression)
    return Wanted(definition=definition, settled="status" in members, zoned=zoned)


def _read(name: str, value: Any, at: str, flaws: list[FieldProblem]) -> Any:
    """A member as the API would answer it."""
    if name in PARTS and isinstance(value, dict):
        known = {field.encode_name for field in msgspec.structs.fields(PARTS[name])}
        parts = cast("dict[str, Any]", value)
        flaws += [FieldProblem(pointer(at, part), _unknown(part, known)) for part in parts if part not in known]
        return {part: _read(f"{name}/{part}", each, f"{at}/{part}", flaws) for part, each in parts.items()}
    if name in _ONE_LINE and isinstance(value, str) and value.endswith(("\n", "\r")):
        flaws.append(
            FieldProblem(at, "ends with a line break, as a YAML block (|, >) does: write it on one line, in quotes")
        )
        return value
    try:
        if name in CODED:
            return _code(name, value, at, flaws)
        if name in DURATIONS and isinstance(value, str | int | float):
            return seconds(value)
        if name in MOMENTS and isinstance(value, str):
            return moment(value)
    except ValueError as error:
        flaws.append(FieldProblem(at, str(error)))
    return value


def _code(name: str, value: Any, at: str, flaws: list[FieldProblem]) -> Any:
    code = code_of(CODED[name], value)
    if code is None:
        flaws.append(FieldProblem(at, none_of_codes(CODED[name], value if isinstance(value, str) else "")))
    return code


def _doubles(wanted: Iterable[Wanted | None]) -> Iterator[FieldProblem]:
    seen: set[tuple[str, str]] = set()
    for place, one in enumerate(wanted):
        if one is None:
            continue
        name = (one.definition.job_group, one.definition.job_name)
        if name in seen:
            yield FieldProblem(f"/jobs/{place}/jobName", f"{'/'.join(name)} is already in the file")
        seen.add(name)


def _members(one: Definition, *, without: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    labels = {name: value for name, value in one.labels.items() if name != without}
    bare = msgspec.structs.replace(one, labels=labels)
    for name, field in _FIELDS.items():
        value = getattr(bare, field.name)
        if field.required or name in _ALWAYS or value != default_of(field):
            found[name] = value if name == "invokeParams" else _plain(worded(name, msgspec.to_builtins(value)))
    if "retry" in found:
        usual = msgspec.to_builtins(default_of(_FIELDS["retry"]))
        found["retry"] = {name: value for name, value in found["retry"].items() if value != usual[name]}
    return found


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _plain(value: Any) -> Any:
    """Whole numbers without a point."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in cast("dict[str, Any]", value).items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _flaw(error: msgspec.ValidationError, at: str) -> FieldProblem:
    said = message_of(error, Definition)
    if re.match(r"expected str.*, got (int|float|bool|null)", said):
        said = f"{said}: put text that YAML reads as another type in quotes"
    return FieldProblem(at + pointer_of(error), said)


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"is unknown; did you mean {close[0]}?" if close else "is unknown"


class _Dumper(yaml.SafeDumper):
    """Quotes what any reader may take for something else than text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        sign: list(forms) for sign, forms in cast("dict[str, Any]", yaml.SafeDumper.yaml_implicit_resolvers).items()
    }

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """In quotes in which it is escaped, where YAML would fold it as it folds ends of lines."""
        return yaml.ScalarNode("tag:yaml.org,2002:str", text, style='"' if self.hidden(text) else None)

    def hidden(self, text: str) -> bool:
        return _FOLDED.search(text) is not None


class _Shown(_Dumper):
    """Escapes whatever is not seen."""

    def hidden(self, text: str) -> bool:
        return not text.replace("\n", "").isprintable()


_FOLDED = re.compile("[\x85\u2028\u2029\ufeff]")
_Dumper.add_representer(str, _Dumper.represent_text)
_Shown.add_representer(str, _Shown.represent_text)


def _escape(sign: str) -> str:
    number = ord(sign)
    return f"\\x{number:02X}" if number < 0x100 else f"\\u{number:04X}" if number < 0x10000 else f"\\U{number:08X}"


for _tag, _form, _first in FORMS:
    for _sign in _first:
        _Dumper.yaml_implicit_resolvers.setdefault(_sign, []).append(
            (f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_form})$"))
        )
