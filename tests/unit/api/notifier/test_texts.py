"""Messages, as people read them. `tests/golden/notices/` holds one of each kind."""

from __future__ import annotations

from typing import get_args

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest
from msgspec.structs import replace

from tests.support.repository import ROOT
from tests.unit.api.notifier.told import FAILED, INSTALLATION, INSTANT, NAMELESS, TOLD
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.installation.signs import Trouble
from waterclock.model.notices.kinds import Kind
from waterclock.model.notices.notice import Notice
from waterclock_api.notifier.delivery.notice_details import DigestDetails, NoticeDetails, details_of
from waterclock_api.notifier.delivery.subjects import SUBJECT_MOST
from waterclock_api.notifier.delivery.texts import TEXT_MOST, message_of
from waterclock_api.notifier.delivery.times import moment, span

GOLDEN = ROOT / "tests" / "golden" / "notices"
HOSTILE = [
    "\n\n**Everything is fine**\nRule  none",
    "\u202egnp.exe \u2066 \x00 \x1b[2J \x1b]0;title\x07 \u2028",
    "<b>bold</b> <script>alert(1)</script> <!channel> <@U123> &amp; [fine](https://evil.example) @everyone",
    "`code` ```\n# title\n```",
    "a\u0301" + "\u0301" * 1000,
    "x" * 65_536,
    "\U0001f525" * 65_536,
    "\ud800 half",
    "",
]


def shown(name: str) -> str:
    message = message_of(TOLD[name], INSTALLATION)
    parts = [f"{message.level}: {message.subject}", message.text]
    parts += ["---- short ----", message.short, "---- Markdown ----", message.markdown]
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("name", TOLD)
def test_a_message_reads_as_the_golden_one(name: str) -> None:
    assert shown(name) == (GOLDEN / f"{name}.txt").read_text()


def test_there_is_a_golden_message_of_each_kind_and_none_beside() -> None:
    kinds = {told.kind for told in TOLD.values() if isinstance(told, NoticeDetails)}

    assert kinds == set(get_args(Kind))
    assert {file.stem for file in GOLDEN.iterdir()} == set(TOLD)


@pytest.mark.parametrize("trouble", get_args(Trouble))
def test_each_trouble_of_the_installation_has_words(trouble: Trouble) -> None:
    notice = NoticeDetails(id="n", kind="clock", rule="clock", at_ms=INSTANT, trouble=trouble)
    bare = message_of(replace(notice, trouble=None), NAMELESS).subject

    assert message_of(notice, NAMELESS).subject.startswith("Waterclock redis.example wc: ")
    assert message_of(notice, NAMELESS).subject != bare


@pytest.mark.parametrize("trouble", sorted({*get_args(Trouble)} - {"hole"}))
def test_each_trouble_of_the_installation_that_can_be_over_has_other_words_for_that(trouble: Trouble) -> None:
    notice = NoticeDetails(id="n", kind="clock", rule="clock", at_ms=INSTANT, trouble=trouble, about="a")
    over = message_of(replace(notice, kind="recovered", recovers="clock"), NAMELESS).subject

    begins, told = over.split("recovered: ")
    assert begins == "Waterclock redis.example wc: "
    assert told
    assert told not in message_of(notice, NAMELESS).subject


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_others_wrote_stays_harmless_and_short(kind: Kind, text: str) -> None:
    plain = message_of(replace(FAILED, kind=kind, recovers="failed"), INSTALLATION)
    hostile = replace(
        FAILED, kind=kind, recovers="failed", group=text, name=text or "n", executor=text, rule=text, zone=text,
        reason=text, about=text, error_type=text, error_message=text, explain=text, log_lines=(text,) * 4,
        position=text, run_id=text, job_id=text,
    )  # fmt: skip
    message = message_of(hostile, INSTALLATION)

    assert len(message.subject) <= SUBJECT_MOST
    assert message.subject.isprintable()
    assert len(message.short) <= 500
    for body in (message.text, message.markdown, message.short):
        assert len(body) <= TEXT_MOST
        assert body.replace("\n", "").isprintable()
        assert body.encode().decode() == body
        for obeyed in ("@everyone", "<!channel", "<@U", "](http", "\u0301" * 4):
            assert obeyed not in body
    heads = [line.split("  ")[0] for line in message.text.splitlines()]
    assert heads.count("Rule") == [line.split("  ")[0] for line in plain.text.splitlines()].count("Rule")
    assert "evil" not in (message.text.partition("Console")[2].splitlines() or [""])[0]


@hypothesis.given(text=st.text(max_size=300))
def test_any_name_leaves_a_subject_of_one_line(text: str) -> None:
    subject = message_of(replace(FAILED, group=text, name=text, error_message=text), INSTALLATION).subject

    assert subject.isprintable()
    assert len(subject) <= SUBJECT_MOST


def test_a_fence_in_a_log_line_does_not_end_the_code() -> None:
    markdown = message_of(replace(FAILED, log_lines=("```", "# a title")), INSTALLATION).markdown

    assert markdown.count("```") == 2
    assert markdown.index("# a title") < markdown.rindex("```")


def test_the_last_lines_stay_where_there_is_no_room_for_all() -> None:
    lines = tuple(f"line {n} {'x' * 150}" for n in range(30))
    text = message_of(replace(FAILED, log_lines=lines, explain="e" * 400, error_message="m" * 400), INSTALLATION).text

    assert len(text) <= TEXT_MOST
    assert "line 29 " in text
    assert "line 19 " not in text
    assert text.endswith("Position   0-1-812")


def test_without_a_public_url_there_is_the_command_alone() -> None:
    text = message_of(FAILED, NAMELESS).text

    assert "http" not in text
    assert "waterclock run show k3v0q1-abc" in text


def test_a_digest_names_no_item() -> None:
    digest = TOLD["digest"]
    assert isinstance(digest, DigestDetails)
    shown = msgspec.json.encode(message_of(digest, INSTALLATION)).decode()

    assert "9,400 failed" in shown
    assert "reports" not in shown


def test_times_are_those_of_the_jobs_zone() -> None:
    assert moment(INSTANT, "Europe/Berlin") == "Sat 28 Nov 2026, 03:00 Europe/Berlin (02:00 UTC)"
    assert moment(INSTANT, "America/New_York") == (
        "Fri 27 Nov 2026, 21:00 America/New_York (Sat 28 Nov 2026, 02:00 UTC)"
    )
    assert moment(INSTANT) == moment(INSTANT, "Nowhere/Land") == "Sat 28 Nov 2026, 02:00 UTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25 s"), (45, "45 s"), (60, "1 min"), (5400, "1 h 30 min"), (93_600, "1 d 2 h"), (90_061, "1 d 1 h")],
)
def test_a_span_has_two_units_at_most(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_notice_as_it_was_judged_makes_the_same_message() -> None:
    notice = Notice(
        id=FAILED.id, kind="failed", rule="nightly", channels=("oncall",), at=FAILED.at_ms, since=FAILED.since_ms or 0,
        count=3, position="0-1-812", job=JobId("k3v0q1"), run=RunId("k3v0q1-abc"), group="reports", name="nightly",
        instant=INSTANT, attempt=3,
    )  # fmt: skip
    details = details_of(
        notice, zone="Europe/Berlin", attempts=3, error_type="KeyError", error_message="'SHOP_DSN'",
        explain=FAILED.explain, log_lines=FAILED.log_lines,
    )  # fmt: skip

    assert details == FAILED


def test_an_event_that_cannot_be_read_is_told_with_the_reason() -> None:
    notice = Notice(
        id="n", kind="unreadable", rule="r", channels=("c",), at=INSTANT, since=INSTANT, reason="is no JSON"
    )

    assert "is no JSON" in message_of(details_of(notice), INSTALLATION).text
