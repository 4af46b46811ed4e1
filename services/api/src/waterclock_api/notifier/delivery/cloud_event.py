"""What a webhook carries: a message and the facts behind it, as a CloudEvent 1.0 in JSON."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from waterclock.model.notices.installation.signs import Trouble
from waterclock.model.notices.kinds import Kind
from waterclock.model.timestamps import Stamp, stamp
from waterclock_api.followers.origin import source_of
from waterclock_api.notifier.delivery.harmless import one_line
from waterclock_api.notifier.delivery.notice_details import (
    ChannelTest,
    DigestDetails,
    Installation,
    NoticeDetails,
    PositionRange,
)
from waterclock_api.notifier.delivery.texts import Message, links_of, message_of

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_TYPE = "waterclock.notice"
_NAME_MOST = 200
_MESSAGE_MOST = 2000


class JobMember(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    id: str | None = None
    group: str
    name: str


class ErrorMember(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    type: str
    message: str


class LinksMember(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    console: str | None = None
    command: str | None = None


class DigestMember(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    from_: Stamp = msgspec.field(name="from")
    to: Stamp
    counts: Mapping[Kind, int]
    muted: int
    positions: tuple[PositionRange, ...]


class NoticeData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What does not apply, or is not known any more, is left out."""

    kind: str
    subject: str
    text: str
    markdown: str
    links: LinksMember
    rule: str | UnsetType = UNSET
    job: JobMember | UnsetType = UNSET
    run: str | UnsetType = UNSET
    executor: str | UnsetType = UNSET
    instant: Stamp | UnsetType = UNSET
    last: Stamp | UnsetType = UNSET
    zone: str | UnsetType = UNSET
    due: Stamp | UnsetType = UNSET
    since: Stamp | UnsetType = UNSET
    count: int | UnsetType = UNSET
    reminder: bool | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    error: ErrorMember | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    recovers: Kind | UnsetType = UNSET
    trouble: Trouble | UnsetType = UNSET
    position: str | UnsetType = UNSET
    digest: DigestMember | UnsetType = UNSET


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes of CloudEvents 1.0. `id` and `source` name the notice for good; a second delivery has the same."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str | UnsetType = UNSET
    time: Stamp
    datacontenttype: str = "application/json"
    data: NoticeData


def cloud_event(told: NoticeDetails | DigestDetails | ChannelTest, installation: Installation) -> bytes:
    """The body of the request."""
    message = message_of(told, installation)
    match told:
        case NoticeDetails():
            kind, at_ms, subject, data = told.kind, told.at_ms, _subject(told), _notice(told, message, installation)
        case DigestDetails():
            kind, at_ms, subject, data = "digest", told.to_ms, UNSET, _digest(told, message, installation)
        case ChannelTest():
            kind, at_ms, subject = "test", told.at_ms, one_line(told.channel, _NAME_MOST)
            data = _bare("test", message, told, installation)
    event = CloudEvent(
        id=told.id,
        source=source_of(installation.public_url, installation.name),
        type=f"{_TYPE}.{kind}",
        subject=subject or UNSET,
        time=stamp(at_ms),
        data=data,
    )
    return msgspec.json.encode(event)


def _subject(notice: NoticeDetails) -> str:
    """Whom it is about: the run, the job, or what of the installation."""
    for part, name in (("runs", notice.run_id), ("jobs", notice.job_id)):
        if name:
            return f"{part}/{one_line(name, _NAME_MOST)}"
    return one_line(notice.about, _NAME_MOST)


def _bare(
    kind: str, message: Message, told: NoticeDetails | DigestDetails | ChannelTest, installation: Installation
) -> NoticeData:
    links = links_of(told, installation)
    return NoticeData(
        kind=kind,
        subject=message.subject,
        text=message.text,
        markdown=message.markdown,
        links=LinksMember(console=links.console, command=links.command),
    )


def _digest(digest: DigestDetails, message: Message, installation: Installation) -> NoticeData:
    return msgspec.structs.replace(
        _bare("digest", message, digest, installation),
        digest=DigestMember(
            from_=stamp(digest.from_ms),
            to=stamp(digest.to_ms),
            counts=digest.counts,
            muted=digest.muted,
            positions=digest.positions,
        ),
    )


def _notice(notice: NoticeDetails, message: Message, installation: Installation) -> NoticeData:
    job = JobMember(id=notice.job_id, group=one_line(notice.group, _NAME_MOST), name=one_line(notice.name, _NAME_MOST))
    error = ErrorMember(
        type=one_line(notice.error_type, _NAME_MOST), message=one_line(notice.error_message, _MESSAGE_MOST)
    )
    return msgspec.structs.replace(
        _bare(notice.kind, message, notice, installation),
        rule=one_line(notice.rule, _NAME_MOST),
        job=job if notice.name or notice.job_id else UNSET,
        run=notice.run_id or UNSET,
        executor=one_line(notice.executor, _NAME_MOST) or UNSET,
        instant=_moment(notice.instant_ms),
        last=_moment(notice.last_ms),
        zone=one_line(notice.zone, _NAME_MOST) if notice.instant_ms is not None else UNSET,
        due=_moment(notice.due_ms),
        since=_moment(notice.since_ms),
        count=notice.count,
        reminder=notice.reminder,
        attempt=UNSET if notice.attempt is None else notice.attempt,
        error=error if notice.error_type or notice.error_message else UNSET,
        reason=one_line(notice.reason, _NAME_MOST) or UNSET,
        recovers=notice.recovers or UNSET,
        trouble=notice.trouble or UNSET,
        position=notice.position or UNSET,
    )


def _moment(at_ms: int | None) -> Stamp | UnsetType:
    return UNSET if at_ms is None else stamp(at_ms)
