"""The route that says what rules would have told."""

from __future__ import annotations

import re
from typing import Any

from litestar import post

from waterclock.cli.yaml_values import BadFile, read_yaml
from waterclock.model.durations import query_moment_ms
from waterclock.model.errors import Flaw, Invalid, pointer_to
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.rule_file import BadRules, read_rules
from waterclock.model.timestamps import stamp
from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.flaw_limits import bounded
from waterclock_api.http.problems import HistoryGone
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.queries.ledger import caught_up, events_kept_from
from waterclock_api.queries.notices.rehearsal import Range, rehearse
from waterclock_api.queries.notices.told import rehearsed_notice_of
from waterclock_api.queries.pages import room_for
from waterclock_api.queries.slow_reads import ranging, until_left
from waterclock_api.schemas.notices import NoticeCount, RehearsalWrite, RehearsedNotices

_DAY = 86_400_000
LONGEST = 31 * _DAY  # ms
_STEP = re.compile(r"[^.\[\]]+")
_UNSAID = "1970-01-01T00:00:00Z"


@post(
    "/v1/monitor/notices/rehearse",
    spec=Spec(scope="query", body=RehearsalWrite, answers={200: RehearsedNotices}, refuses=(410, 413, 415, 422)),
    status_code=200,
)
async def rehearse_notices(request: AnyRequest) -> Answer:
    """Say what a file of rules would have told in a range of the past. Nothing is stored or sent.

    It judges the archived events as a notifier does that begins at `from`. What was open then is not told.
    """
    read_query(request, NoQuery)
    body = await read_json(request)
    return await until_left(request, _answered(request, body))


async def _answered(request: AnyRequest, body: dict[str, Any]) -> Answer:
    parts, of = dependencies_of(request), ranging(request)
    flaws: list[Flaw] = []
    write = read_struct(RehearsalWrite, body, flaws, stand_ins={"rules": "", "from_": _UNSAID})
    refuse(flaws)
    now = parts.now_ms()
    within = _range(write, now)
    book = await parts.offload.run(of.who, _book, write.rules)
    await caught_up(parts, range(parts.log.partitions))
    kept_from = await events_kept_from(parts, of)
    if within.from_ms < kept_from:
        raise HistoryGone(f"Events are kept from {stamp(kept_from)} on: rehearse from then on.")
    hold = await room_for(request)
    found = await rehearse(parts, of, book, within, write.limit, hold)
    total = sum(found.counts.values())
    told = RehearsedNotices(
        from_=stamp(within.from_ms),
        to=stamp(within.to_ms),
        events=found.events,
        notices=total,
        counts=[NoticeCount(rule=rule, kind=kind, count=count) for (rule, kind), count in found.counts.most_common()],
        items=[rehearsed_notice_of(one) for one in found.first],
        more=total > len(found.first),
    )
    return answer(told, hold=hold)


def _range(write: RehearsalWrite, now: int) -> Range:
    """
    Raises:
        Invalid: no range, or too long a one.
    """
    flaws: list[Flaw] = []
    found: dict[str, int] = {"to": now}
    for name, given in (("from", write.from_), ("to", write.to)):
        try:
            if given is not None:
                found[name] = query_moment_ms(given)
        except ValueError as error:
            flaws.append(Flaw(pointer_to(name), str(error)))
    refuse(flaws)
    if found["to"] > now:
        raise Invalid(Flaw("/to", "is in the future"))
    if found["from"] >= found["to"]:
        raise Invalid(Flaw("/from", "is not before to"))
    if found["to"] - found["from"] > LONGEST:
        raise Invalid(Flaw("/from", f"is more than {LONGEST // _DAY} days before to: shorten the range"))
    return Range(found["from"], found["to"])


def _book(given: str | dict[str, Any]) -> RuleBook:
    """
    Raises:
        Invalid: the rules are wrong; names every flaw.
    """
    try:
        file = read_rules(read_yaml(given) if isinstance(given, str) else given)
    except BadFile as error:
        raise Invalid(*bounded(Flaw(f"/rules{flaw.pointer}", flaw.message) for flaw in error.flaws)) from error
    except BadRules as error:
        flaws = (Flaw(pointer_to("rules", *_STEP.findall(flaw.path)), flaw.message) for flaw in error.flaws)
        raise Invalid(*bounded(flaws)) from error
    if not file.rules:
        raise Invalid(Flaw("/rules", "hold no rule"))
    return RuleBook(file)


HANDLERS = (rehearse_notices,)
