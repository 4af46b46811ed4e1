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
    """`type` is the name of a built-in exception."""

    type: str
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


class _Words(dict[str, Any]):
    """The words that lines are made of: the parameters, and what chance says."""

    def __init__(self, chance: Chance, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self._chance = chance

    def __missing__(self, name: str) -> Any:
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
            case "sha":
                return f"{chance.bits():016x}{chance.bits():016x}{chance.bits():016x}{chance.bits():016x}"
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
    fails = mood in {"failing", "crashing"}
    acts = script.acts[: chance.between(1, len(script.acts))] if fails and script.acts else script.acts
    steps: list[StepPlay] = []
    whole = chance.about(*script.ms)
    for place, act in enumerate(acts):
        ms = round(chance.about(*act.ms) * pace)
        if mood == "slow" or (mood == "endless" and place == len(acts) - 1):
            ms *= _SLOWER
        if mood == "hanging" and place == len(acts) - 1:
            ms = _HANGS
        whole += ms
        if detailed:
            steps.append(_step(act, ms, words, chance, _extra(mood, place, len(acts))))
    if not acts and mood in {"slow", "hanging"}:
        whole = _HANGS if mood == "hanging" else whole * _SLOWER
    if mood == "failing":
        return Play(tuple(steps), whole, error=_error(chance.one_of(script.failures), words), outcome="failed")
    if mood == "crashing":
        killed = Error(type="ChildOutOfMemory", message="the child process was killed: it used more than 2.0 GiB")
        return Play(tuple(steps), whole, error=killed, outcome="crashed")
    return Play(tuple(steps), whole, result=_result(script, words))


def _extra(mood: Mood, place: int, acts: int) -> int:
    if place != min(1, acts - 1):
        return 0
    return {"talkative": _TALK, "endless": _ENDLESS}.get(mood, 0)


def _step(act: Act, ms: int, words: _Words, chance: Chance, extra: int) -> StepPlay:
    written = [text for _ in range(chance.between(*act.repeat)) for text in act.lines]
    if extra:
        # an object's worth of text in each: thousands of short lines are no more than a few hundred KiB
        talk = act.talk + (" payload={sha}{sha}{sha}{sha} source={sha}{sha}" if extra == _ENDLESS else "")
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
        f'  File "/app/jobs/{failure.file}", line {words["k"] + 30}, in {failure.function}',
        f"    {failure.code}",
        f'  File "/app/jobs/common/retrying.py", line {words["k"]}, in call',
        "    return await function(*args, **kwargs)",
        f"{failure.type}: {message}",
    )
    return Error(type=failure.type, message=message, traceback="\n".join(lines) + "\n")
