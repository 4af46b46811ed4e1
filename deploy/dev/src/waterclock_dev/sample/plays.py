"""What an attempt of a sample executor does: its steps, lines and end, worked out before it begins.

    script ── parameters, chance, mood ──► Play ──► events of the past (`attempts`)
                                                └──► played for real, by a worker (`executors`)

So the past of a job and its present look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from waterclock.model.events import Level
from waterclock.model.outcomes import Error
from waterclock_dev.sample.chance import Chance

Mood = Literal["well", "slow", "failing", "hanging", "crashing", "talkative", "endless"]
"""How an attempt goes. `hanging` runs over any timeout; `endless` writes more than a log may hold."""

_LEVELS: Mapping[str, Level] = {"D": "debug", "I": "info", "W": "warning", "E": "error"}
_SLOWER = 6
_TALK, _ENDLESS = 1_500, 12_500  # lines
_HANGS = 7 * 3_600_000  # ms: longer than any timeout of the sample


class Line(NamedTuple):
    """`after`: ms since its step began."""

    after: int
    level: Level
    text: str


class StepPlay(NamedTuple):
    """`total`: what its progress comes to; None: it tells of none."""

    name: str
    ms: int
    lines: tuple[Line, ...] = ()
    total: int | None = None


class Play(NamedTuple):
    """`error`: how it ends, in its last step, with `outcome`; None: with `result`."""

    steps: tuple[StepPlay, ...]
    ms: int
    result: Any = None
    error: Error | None = None
    outcome: Literal["succeeded", "failed", "crashed"] = "succeeded"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """A step as a script has it. Lines begin with the letter of their level; `repeat` is how often they come."""

    name: str
    ms: tuple[int, int]
    lines: tuple[str, ...] = ()
    repeat: tuple[int, int] = (1, 1)
    total: tuple[int, int] | None = None
    talk: str = "D item {id}: {ms} ms"
    """The line of which a talkative attempt writes thousands."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is the name of a built-in exception; it comes in the step at `place`, after so many ms of it."""

    type: str
    place: int = 0
    ms: int | None = None  # None: anywhere in it
    message: str
    file: str
    function: str
    code: str


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """`result`: members of the result, each the name of a word or a value."""

    acts: tuple[Act, ...]
    failures: tuple[Failure, ...]
    result: Mapping[str, Any] | None = None
    ms: tuple[int, int] = (5, 40)
    """Beside its steps."""


_CRASHED = Error(type="ChildOutOfMemory", message="the child process was killed: it used more than 2.0 GiB")


def _hex(chance: Chance) -> str:
    return "".join([f"{chance.bits():016x}" for _ in range(4)])


class _Words(dict[str, Any]):
    """The words that lines are made of: the parameters, and what chance says.

    What a word stands for in a whole attempt is said once; of the others each is new.
    """

    def __init__(self, chance: Chance, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self._chance = chance

    def __missing__(self, name: str) -> Any:
        chance = self._chance
        match name:
            case "total":
                found: Any = chance.between(9_000, 90_000)
            case "parts":
                found = chance.between(31, 36)
            case "bytes":
                found = self["parts"] * 16_777_216 - chance.between(1, 16_000_000)
            case "size":
                found = round(self["bytes"] * 1.3 / 1_048_576, 1)
            case "sha":
                found = _hex(chance)
            case "version":
                found = f"{chance.bits():016x}"[:10]
            case _:
                return self._new(name)
        self[name] = found
        return found

    def _new(self, name: str) -> Any:
        chance = self._chance
        match name:
            case "n":
                return chance.between(900, 90_000)
            case "k":
                return chance.between(2, 60)
            case "ms":
                return chance.between(4, 900)
            case "mb":
                return chance.between(20, 9_000) / 10
            case "id":
                return f"{chance.bits():016x}"[:10]
            case "hex":
                return _hex(chance)
            case _:
                raise KeyError(name)


def perform(
    script: Script,
    params: Mapping[str, Any],
    chance: Chance,
    mood: Mood,
    *,
    pace: float = 1.0,
    detailed: bool = True,
) -> Play:
    """One attempt, which takes `pace` times as long as usual.

    Not `detailed`: without steps and lines, where nobody looks at them any more.
    """
    words = _Words(chance, params)
    failure = chance.one_of(script.failures) if mood == "failing" else None
    main = max(range(len(script.acts)), key=lambda place: script.acts[place].ms[1], default=-1)
    last = main if mood in {"crashing", "hanging"} else len(script.acts) - 1 if failure is None else failure.place
    steps: list[StepPlay] = []
    whole = chance.about(*script.ms)
    for place, act in enumerate(script.acts[: last + 1]):
        ms = round(chance.about(*act.ms) * pace)
        if place == main and mood in {"slow", "endless", "hanging"}:
            ms = _HANGS if mood == "hanging" else ms * _SLOWER
        step = (
            _step(act, ms, words, chance, _extra(mood, is_main=place == main)) if detailed else StepPlay(act.name, ms)
        )
        if place == last and mood in {"failing", "crashing"}:
            step = _cut(
                step, ms * chance.between(5, 65) // 100 if failure is None or failure.ms is None else failure.ms
            )
        whole += step.ms
        steps.append(step)
    if not script.acts and mood in {"slow", "hanging"}:
        whole = _HANGS if mood == "hanging" else whole * _SLOWER
    error = _CRASHED if mood == "crashing" else None if failure is None else _error(failure, words)
    if error is not None and steps and detailed:
        steps[-1] = _with_error(steps[-1], error)
    told = tuple(steps) if detailed else ()
    if error is not None:
        return Play(told, whole, error=error, outcome="crashed" if mood == "crashing" else "failed")
    return Play(told, whole, result=_result(script, words))


def _extra(mood: Mood, *, is_main: bool) -> int:
    return {"talkative": _TALK, "endless": _ENDLESS}.get(mood, 0) if is_main else 0


def _cut(step: StepPlay, ms: int) -> StepPlay:
    """The step, ended after so many ms."""
    return StepPlay(step.name, ms, tuple(line for line in step.lines if line.after < ms), step.total)


def _with_error(step: StepPlay, error: Error) -> StepPlay:
    """The step, with a last line that tells of it."""
    return step._replace(lines=(*step.lines, Line(max(step.ms - 2, 0), "error", f"{error.type}: {error.message}")))


def _step(act: Act, ms: int, words: _Words, chance: Chance, extra: int) -> StepPlay:
    written = [text for _ in range(chance.between(*act.repeat)) for text in act.lines]
    if extra:
        # an object's worth of text in each: thousands of short lines are no more than a few hundred KiB
        talk = act.talk + (" payload={hex}{hex}{hex}{hex} source={hex}{hex}" if extra == _ENDLESS else "")
        written[1:1] = [talk] * extra
    count = len(written)
    lines = tuple(
        Line(ms * place // (count + 1), _LEVELS[text[0]], text[2:].format_map(words))
        for place, text in enumerate(written, 1)
    )
    return StepPlay(act.name, ms, lines, None if act.total is None else chance.between(*act.total))


def _result(script: Script, words: _Words) -> Any:
    if script.result is None:
        return None
    return {name: words[one[1:]] if _is_word(one) else one for name, one in script.result.items()}


def _is_word(one: Any) -> bool:
    return isinstance(one, str) and one.startswith("$")


def _error(failure: Failure, words: _Words) -> Error:
    message = failure.message.format_map(words)
    lines = (
        "Traceback (most recent call last):",
        f'  File "/app/jobs/{failure.file}", line {len(failure.code) + 30}, in {failure.function}',
        f"    {failure.code}",
        '  File "/app/jobs/common/retrying.py", line 41, in call',
        "    return await function(*args, **kwargs)",
        f"{failure.type}: {message}",
    )
    return Error(type=failure.type, message=message, traceback="\n".join(lines) + "\n")
