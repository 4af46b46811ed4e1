"""A notice of each kind, as it is known when it is delivered."""

from __future__ import annotations

from msgspec.structs import replace

from waterclock.model.notices.notice import Notice
from waterclock_api.notifier.delivery.notice_details import (
    ChannelTest,
    DigestDetails,
    Installation,
    NoticeDetails,
    PositionRange,
    details_of,
)

INSTANT = 1_795_831_200_000  # Sat 28 Nov 2026, 03:00 in Berlin, 02:00 UTC
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

INSTALLATION = Installation(name="redis.example wc", public_url="https://waterclock.example")
NAMELESS = Installation(name="redis.example wc")

FAILED = NoticeDetails(
    id="ntc_failed",
    kind="failed",
    rule="nightly",
    at_ms=INSTANT + 12_000,
    group="reports",
    name="nightly",
    job_id="k3v0q1",
    run_id="k3v0q1-abc",
    instant_ms=INSTANT,
    zone="Europe/Berlin",
    since_ms=INSTANT - 2 * DAY + 11_000,
    count=3,
    attempt=3,
    attempts=3,
    error_type="KeyError",
    error_message="'SHOP_DSN'",
    explain="It was due at 03:00, fired, and failed in its third attempt.",
    log_lines=("reading the settings", "connecting", "  as user books", "KeyError: 'SHOP_DSN'"),
    position="0-1-812",
)
_RUN = replace(
    FAILED, since_ms=None, count=1, attempt=None, attempts=None, error_type="", error_message="", explain="",
    log_lines=(),
)  # fmt: skip
_DECISION = replace(_RUN, run_id=None, at_ms=INSTANT + 2 * MINUTE)

TOLD: dict[str, NoticeDetails | DigestDetails | ChannelTest] = {
    "failed": FAILED,
    "failed-reminder": replace(FAILED, reminder=True),
    "failed-sparse": NoticeDetails(
        id="ntc_sparse", kind="failed", rule="all", at_ms=INSTANT, executor="shop.import", run_id="zz1-x0"
    ),
    "timedOut": replace(_RUN, kind="timedOut", limit_s=5400, log_lines=("exporting table 3 of 9",)),
    "died": replace(_RUN, kind="died", attempt=3),
    "cancelled": replace(_RUN, kind="cancelled", reason="replaced"),
    "skipped": replace(_DECISION, kind="skipped", reason="overlap"),
    "skipped-range": replace(
        _DECISION, kind="skipped", reason="window", run_id=None, last_ms=INSTANT + 5 * HOUR, at_ms=INSTANT + 30 * HOUR,
    ),
    "missing": replace(
        _DECISION, kind="missing", reason="misfire", due_ms=INSTANT + 5 * MINUTE,
        explain="No scheduler decided it before 03:02, which is later than its misfire threshold of 60 s.",
    ),
    "late-start": replace(_RUN, kind="late", awaits="start", due_ms=INSTANT + 5 * MINUTE, at_ms=INSTANT + 5 * MINUTE),
    "late-finish": replace(
        _RUN, kind="late", due_ms=INSTANT + 210 * MINUTE, at_ms=INSTANT + 210 * MINUTE, attempt=1, attempts=3,
    ),
    "tooLong": replace(_RUN, kind="tooLong", limit_s=1800, at_ms=INSTANT + 30 * MINUTE, attempt=1, attempts=3),
    "silent": replace(
        _RUN, kind="silent", run_id=None, instant_ms=None, limit_s=26 * 3600, since_ms=INSTANT - 26 * HOUR,
        at_ms=INSTANT,
    ),
    "disabled": replace(_DECISION, kind="disabled", count=5, since_ms=INSTANT - 4 * DAY),
    "recovered": replace(_RUN, kind="recovered", recovers="failed", count=3, since_ms=INSTANT - 3 * DAY),
    "unreadable": replace(
        _DECISION, kind="unreadable", instant_ms=None, explain="An event of a type that this release does not know."
    ),
    "clock-noLeader": NoticeDetails(
        id="ntc_clock", kind="clock", rule="clock", trouble="noLeader", about="partition 3", at_ms=INSTANT + 31_000,
        since_ms=INSTANT, explain="No scheduler has led partition 3 for 31 s; 14 jobs are due.",
    ),
    "clock-hole": details_of(
        Notice(
            id="ntc_hole", kind="clock", rule="clock", channels=("ops",), at=INSTANT, since=INSTANT,
            reason="hole 0-1-5 0-1-9", position="0-1-9",
        )
    ),
    "clock-noExecutor": NoticeDetails(
        id="ntc_clock", kind="clock", rule="clock", trouble="noExecutor", about="shop.import", at_ms=INSTANT,
        since_ms=INSTANT - MINUTE,
    ),
    "clock-halted": details_of(
        Notice(
            id="ntc_clock", kind="clock", rule="clock", channels=("ops",), at=INSTANT + 31_000, since=INSTANT,
            reason="halted\nError 111 connecting to redis.example:6379. Connection refused.", incident=1,
        )
    ),
    "clock-recovered": details_of(
        Notice(
            id="ntc_over", kind="recovered", rule="clock", channels=("ops",), at=INSTANT + HOUR, since=INSTANT,
            reason="halted\nError 111 connecting to redis.example:6379. Connection refused.", incident=1,
            of="ntc_clock", recovers="clock",
        )
    ),
    "clock-channel": details_of(
        Notice(
            id="ntc_channel", kind="clock", rule="clock", channels=("ops",), at=INSTANT + HOUR, since=INSTANT,
            reason="channel oncall\nhooks.example answered 503", incident=2,
        )
    ),
    "digest": DigestDetails(
        id="dig_1", from_ms=INSTANT, to_ms=INSTANT + 3 * MINUTE,
        counts={"late": 12, "failed": 9400, "timedOut": 1},
        positions=tuple(PositionRange(first=f"{n}-1-12", last=f"{n}-1-9412") for n in range(10)),
    ),
    "digest-muted": DigestDetails(
        id="dig_2", from_ms=INSTANT, to_ms=INSTANT + 3 * MINUTE, counts={"late": 2}, muted=1204,
        positions=(PositionRange(first="0-1-12", last="0-1-13"),),
    ),
    "test": ChannelTest(id="tst_1", channel="oncall", at_ms=INSTANT),
}  # fmt: skip
