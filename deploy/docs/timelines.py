"""Draw what becomes of late and of overlapping scheduled times: `python deploy/docs/timelines.py`.

Each picture is a job that is played through: at every moment at which a scheduler decides, `settle`, `owed` and
`Unfinished` of `waterclock.model.instants` say what becomes of the scheduled times, as they do in the scheduler and in
`simulate`. Only how long a run takes is made up here. `--check` writes nothing and ends with 1 if a picture in
docs/pictures is not what it would draw.

A picture has a ground of its own, so that it can be read on any page, in light and dark.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from waterclock.model.definition import Definition, MisfirePolicy, OverlapPolicy
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested
from waterclock.model.ids import JobId, RunId
from waterclock.model.instants.fires import Owed, owed
from waterclock.model.instants.misfire import policy_of, settle
from waterclock.model.instants.overlap import Unfinished
from waterclock.model.instants.timetable import named_by
from waterclock.model.job import Job
from waterclock.model.timestamps import millis

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
MINUTE = 60_000
DAY = 1_772_323_200_000  # 2026-03-01T00:00:00Z: clocks that change would change nothing here
LEFT, WIDTH, RIGHT = 96, 720, 16  # px
TIMES, RUNS, LANE = 58, 92, 26  # px: the line of scheduled times, the first lane of runs, its height
STYLE = """
svg { font: 12px system-ui, sans-serif; color: #1f2328; }
.ground { fill: #ffffff; stroke: #d0d7de; }
.out { fill: #d0d7de; opacity: .5; }
.ran { fill: #1a7f64; stroke: #ffffff; }
.cancelled { fill: none; stroke: #1a7f64; stroke-dasharray: 3 2; }
.left { fill: none; stroke: #b35900; stroke-width: 2; }
.merged { fill: none; stroke: #0969da; stroke-width: 2; }
.axis, .to { stroke: currentColor; opacity: .45; fill: none; }
.by { stroke: #0969da; stroke-dasharray: 3 3; fill: none; }
text { fill: currentColor; }
.bar { fill: #ffffff; font-size: 10.5px; text-anchor: middle; }
.mid { text-anchor: middle; }
@media (prefers-color-scheme: dark) {
  svg { color: #e6edf3; }
  .ground { fill: #161b22; stroke: #3d444d; }
  .out { fill: #3d444d; opacity: .7; }
  .ran { fill: #2ea58a; stroke: #161b22; }
  .cancelled { stroke: #2ea58a; }
  .left { stroke: #f0a04b; }
  .merged, .by { stroke: #58a6ff; }
  .bar { fill: #0d1117; }
}
.cancelled + .bar { fill: currentColor; }
""".strip()


class Mark(NamedTuple):
    """A scheduled time, and what became of it."""

    instant: int
    fate: Literal["fired", "skipped", "merged"]
    run_id: RunId | None


class Run(msgspec.Struct):
    run_id: RunId
    nominal: int
    owed: Owed
    takes: int
    start: int | None = None
    end: int | None = None
    cancelled: bool = False


class Played(NamedTuple):
    marks: list[Mark]
    runs: list[Run]


class Picture(NamedTuple):
    job: Job
    first: int
    last: int
    step: int  # between two labels
    decides: Sequence[int]
    takes: Mapping[int, int]  # minutes, of the run of a scheduled time
    mostly: int  # minutes that any other run takes
    outage: tuple[int, int] | None = None


def at(hours: int, minutes: int = 0) -> int:
    return DAY + (hours * 60 + minutes) * MINUTE


def job(**members: Any) -> Job:
    return Job(
        job_id=JobId("picture"),
        version=1,
        definition=Definition(job_name="picture", invoke_target="a.job", **members),
    )


def misfire(policy: MisfirePolicy) -> Picture:
    """An hourly job; no scheduler runs from 01:30 to 04:20."""
    back = at(4, 20)
    return Picture(
        job(cron_expression="0 * * * *", misfire_policy=policy),
        at(0, 30),
        at(6, 40),
        60,
        [at(1), back, at(5), at(6)],
        {},
        20,
        (at(1, 30), back),
    )


def overlap(policy: OverlapPolicy | Literal["allow"]) -> Picture:
    """A job of every ten minutes; the run of 12:00 takes 25."""
    how: dict[str, Any] = {"concurrent": "0"} if policy == "allow" else {"overlap_policy": policy}
    return Picture(
        job(cron_expression="*/10 * * * *", **how),
        at(11, 56),
        at(12, 50),
        10,
        [at(12, minute) for minute in range(0, 50, 10)],
        {at(12): 25},
        4,
    )


DRAWN: dict[str, Picture] = {
    "misfire-skip": misfire("3"),
    "misfire-run-once": misfire("2"),
    "misfire-run-all": misfire("1"),
    "overlap-skip": overlap("skip"),
    "overlap-buffer-one": overlap("buffer_one"),
    "overlap-buffer-all": overlap("buffer_all"),
    "overlap-cancel-other": overlap("cancel_other"),
    "overlap-allow": overlap("allow"),
}


def play(picture: Picture) -> Played:
    """What becomes of each scheduled time, decided by the product's own functions."""
    job, definition = picture.job, picture.job.definition
    named, policy = named_by(job.job_id, definition), policy_of(definition)
    mark, marks, runs = picture.first, list[Mark](), list[Run]()
    for now in picture.decides:
        _run_until(runs, now, parallel=definition.overlap == "allow")
        unfinished = [run for run in runs if run.end is None or run.end > now]
        line = Unfinished(run.run_id for run in unfinished if run.start is not None)
        for run in unfinished:
            if run.start is None:
                line.meet(run.owed, "buffer_all", now=now)
        settlement = settle(named, mark=mark, now=now, policy=policy)
        for one in owed(job, settlement, mark=mark):
            met = line.meet(one, definition.overlap, now=now)
            match met:
                case RunRequested(run_id=run_id, nominal_at=nominal):
                    assert nominal is not None
                    instant = millis(nominal)
                    if met.state == "waiting" and definition.overlap == "cancel_other":
                        _cancel(unfinished, now)
                    start = None if met.state == "waiting" else max(now, one.ready_at)
                    runs.append(Run(run_id, instant, one, picture.takes.get(instant, picture.mostly) * MINUTE, start))
                    marks.append(Mark(instant, "fired", run_id))
                case FireSkipped() | FireCoalesced():
                    into = met.into if isinstance(met, FireCoalesced) else None
                    fate = "skipped" if into is None else "merged"
                    instants = named.between(millis(met.first) - 1, millis(met.last))
                    marks += [Mark(instant, fate, into) for instant in instants]
        mark = settlement.through
    _run_until(runs, picture.last + 24 * 60 * MINUTE, parallel=definition.overlap == "allow")
    return Played(sorted(marks), runs)


def _run_until(runs: list[Run], now: int, *, parallel: bool) -> None:
    """Start what may start by now, in order."""
    free = 0
    for run in runs:
        if run.start is None and free <= now:
            run.start = max(free, run.nominal)
        if run.start is None:
            return
        if run.end is None:
            run.end = run.start + run.takes
        free = 0 if parallel else max(free, run.end)


def _cancel(unfinished: list[Run], now: int) -> None:
    for run in unfinished:
        if run.start is not None:
            run.end, run.cancelled = now, True


def draw(name: str) -> str:
    picture = DRAWN[name]
    marks, runs = play(picture)
    scale = (WIDTH - LEFT - RIGHT) / (picture.last - picture.first)

    def x(moment: int) -> float:
        return round(LEFT + (min(max(moment, picture.first), picture.last) - picture.first) * scale, 1)

    shown = [(run, run.start, run.end) for run in runs if run.start is not None and run.start < picture.last]
    lanes = _lanes([(start, end or start) for _, start, end in shown])
    height = RUNS + LANE * (max(lanes) + 1) + 36
    parts = [f'<rect class="ground" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>']
    if picture.outage is not None:
        start, end = (x(moment) for moment in picture.outage)
        high = height - 36 - 28
        parts.append(f'<rect class="out" x="{start}" y="28" width="{round(end - start, 1)}" height="{high}"/>')
        parts.append(f'<text class="mid" x="{round((start + end) / 2, 1)}" y="20">no scheduler runs</text>')
    parts.append(f'<text x="12" y="{TIMES + 4}">scheduled</text><text x="12" y="{RUNS + 17}">runs</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {TIMES}H{WIDTH - RIGHT}"/>')
    bars = {run.run_id: (x(start), RUNS + LANE * lane) for (run, start, _), lane in zip(shown, lanes, strict=True)}
    for instant, fate, run_id in marks:
        if run_id is not None and run_id in bars:
            to, top = bars[run_id]
            kind = "by" if fate == "merged" else "to"
            parts.append(f'<path class="{kind}" d="M{x(instant)} {TIMES + 7}L{to} {top}V{top + 20}"/>')
    for (run, start, end), lane in zip(shown, lanes, strict=True):
        assert end is not None
        left, wide, top = x(start), round(x(end) - x(start), 1), RUNS + LANE * lane
        kind = "cancelled" if run.cancelled else "ran"
        parts.append(f'<rect class="{kind}" x="{left}" y="{top}" width="{wide}" height="20" rx="3"/>')
        if wide >= 30:
            label = _clock(run.nominal) + (" cancelled" if run.cancelled else "")
            parts.append(f'<text class="bar" x="{round(left + wide / 2, 1)}" y="{top + 14}">{label}</text>')
    for instant, fate, _ in marks:
        parts += [_symbol(fate, x(instant), TIMES)]
        parts.append(f'<text class="mid" x="{x(instant)}" y="{TIMES - 14}">{_clock(instant)}</text>')
    parts += _legend(marks, height)
    said = ", ".join(f"{_clock(mark.instant)} {_WORDS[mark.fate]}" for mark in marks)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{said}">',
            f"<style>\n{STYLE}\n</style>",
            *parts,
            "</svg>\n",
        ]
    )


_WORDS = {"fired": "ran", "skipped": "skipped", "merged": "merged"}


def _lanes(spans: list[tuple[int, int]]) -> list[int]:
    """The row of each run, so that none covers another."""
    ends: list[int] = []
    lanes: list[int] = []
    for start, end in spans:
        lane = next((place for place, last in enumerate(ends) if last <= start), len(ends))
        ends[lane : lane + 1] = [end]
        lanes.append(lane)
    return lanes


def _clock(moment: int) -> str:
    minutes = (moment - DAY) // MINUTE
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _symbol(fate: str, x: float, y: int) -> str:
    if fate == "fired":
        return f'<circle class="ran" cx="{x}" cy="{y}" r="6"/>'
    if fate == "merged":
        return f'<circle class="ground" cx="{x}" cy="{y}" r="6"/><circle class="merged" cx="{x}" cy="{y}" r="6"/>'
    cross = f"M{x - 5} {y - 5}l10 10m0 -10l-10 10"
    return f'<path class="left" d="{cross}"/>'


def _legend(marks: Sequence[Mark], height: int) -> list[str]:
    parts: list[str] = []
    for place, fate in enumerate(fate for fate in _WORDS if any(mark.fate == fate for mark in marks)):
        left, y = LEFT + 130 * place, height - 18
        text = {"fired": "has a run", "skipped": "skipped", "merged": "merged into a run"}[fate]
        parts.append(f'{_symbol(fate, left, y)}<text x="{left + 14}" y="{y + 4}">{text}</text>')
    return parts


def main(*options: str) -> int:
    drawn = {PICTURES / f"{name}.svg": draw(name) for name in DRAWN}
    stale = [file for file, text in drawn.items() if not file.is_file() or file.read_text("utf-8") != text]
    for file in stale:
        if "--check" in options:
            print(f"{file.name} is out of date: run `python deploy/docs/timelines.py`")
        else:
            file.write_text(drawn[file], "utf-8")
    return 1 if stale and "--check" in options else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
