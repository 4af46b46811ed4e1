"""Mutes are events, and nothing besides: appended once for each command, of a job only while it exists."""

import pytest

from tests.contract.log.build import J, change, create, entries_of, events_of, tags_of
from waterclock.log.client import Log
from waterclock.log.commands.idempotency import Command, KeyReused, Replayed
from waterclock.log.commands.mutes import mute, unmute
from waterclock.log.commands.requests import NoJob
from waterclock.model.events import NoticesMuted, NoticesUnmuted
from waterclock.model.ids import JobId, created_mute
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp


def muted(job_id: JobId | None = J, *, command_id: str = "c", reason: str = "noisy") -> NoticesMuted:
    group = None if job_id is not None else "reports"
    mute_id = created_mute(job_id, command_id)
    return NoticesMuted(mute_id=mute_id, job_id=job_id, group=group, until=stamp(1), reason=reason, actor="ana")


@pytest.mark.parametrize("job_id", [J, None])
async def test_a_mute_and_its_end_are_appended_as_they_are(log: Log, job_id: JobId | None) -> None:
    await create(log)
    wanted = muted(job_id)
    over = NoticesUnmuted(mute_id=wanted.mute_id, job_id=job_id, actor="ben", reason="done")

    began = await mute(log, command=Command(id="c"), event=wanted)
    ended = await unmute(log, command=Command(id="d"), event=over)

    assert (await events_of(log))[-2:] == [wanted, over]
    assert [began, ended] == [entry.position for entry in (await entries_of(log))[-2:]]
    assert isinstance(began, Position)


async def test_a_job_that_is_not_there_is_not_muted_and_one_that_is_gone_is_not_any_more(log: Log) -> None:
    before = await tags_of(log)
    assert await mute(log, command=Command(id="c"), event=muted()) == NoJob()
    assert await tags_of(log) == before

    await create(log)
    began = muted(command_id="d")
    assert isinstance(await mute(log, command=Command(id="d"), event=began), Position)
    await change(log, kind="delete")
    assert await mute(log, command=Command(id="e"), event=muted(command_id="e")) == NoJob()
    over = NoticesUnmuted(mute_id=began.mute_id, job_id=J)
    assert isinstance(await unmute(log, command=Command(id="f"), event=over), Position)
    assert (await tags_of(log))[-2:] == ["job.deleted", "notices.unmuted"]


@pytest.mark.parametrize("client", [True, False])
async def test_a_command_that_comes_again_is_answered_again(log: Log, client: bool) -> None:
    await create(log)
    command = Command(id="c", fingerprint="one", client=client)
    first = await mute(log, command=command, event=muted())
    tags = await tags_of(log)

    again = await mute(log, command=command, event=muted(reason="another"))
    reused = await mute(log, command=Command(id="c", fingerprint="other", client=client), event=muted())

    assert isinstance(again, Replayed)
    assert again.answer.position == first
    assert reused == KeyReused()
    assert await tags_of(log) == tags
