"""Apprise in its child process, against real servers of mail and HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
from aiohttp import web

from tests.integration.notifier.receiver import LOOPBACK, HttpReceiver, Mailbox, http_receiver, mailbox
from waterclock_api.notifier.delivery import apprise_sender
from waterclock_api.notifier.delivery.apprise_sender import AppriseSender
from waterclock_api.notifier.delivery.apprise_words import Answer, Task, encode
from waterclock_api.notifier.delivery.channels import AppriseTarget
from waterclock_api.notifier.delivery.notice_details import Installation, NoticeDetails
from waterclock_api.notifier.delivery.outcome import Again, Dead, Delivered, Outcome
from waterclock_api.notifier.delivery.texts import message_of

TOKENS = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"  # of nobody
PATIENCE = 60.0  # s: a child loads some two hundred modules
NOTICE = NoticeDetails(
    id="ntc_1",
    kind="failed",
    rule="nightly",
    at_ms=1_795_831_200_000,
    group="reports",
    name="täglich €",
    run_id="k3v0q1-abc",
    error_type="KeyError",
    error_message="<b>'SHOP_DSN'</b> &amp; *that*",
    log_lines=("# no title", "<script>alert(1)</script>"),
)
MESSAGE = message_of(NOTICE, Installation(name="here", public_url="https://waterclock.example"))


class Silence(NamedTuple):
    port: int
    greeted: asyncio.Event
    left: asyncio.Event


@pytest_asyncio.fixture
async def receiver() -> AsyncGenerator[HttpReceiver]:
    async with http_receiver() as found:
        yield found


@pytest_asyncio.fixture
async def box() -> AsyncGenerator[Mailbox]:
    async with mailbox() as found:
        yield found


async def sent(address: str, *services: str, deadline: float = PATIENCE) -> Outcome:
    return await AppriseSender(services).send(AppriseTarget(address), MESSAGE, deadline=deadline)


def children() -> list[str]:
    """Arguments and variables of each child of this process."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"PPid:\t{os.getpid()}\n" in (process / "status").read_text():
                found.append((process / "cmdline").read_text() + (process / "environ").read_text())
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    return found


def mailto(box: Mailbox, to: str = "oncall@mail.test", more: str = "") -> str:
    return f"mailto://{LOOPBACK}:{box.port}?from=waterclock@mail.test&to={to}{more}"


async def test_a_mail_holds_the_text_as_it_is(box: Mailbox) -> None:
    assert await sent(mailto(box)) == Delivered()

    (mail,) = box.mails
    assert mail["subject"] == MESSAGE.subject
    assert "oncall@mail.test" in mail["to"]
    assert "waterclock@mail.test" in mail["from"]
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines() == MESSAGE.text.splitlines()


async def test_nothing_in_a_mail_of_html_is_markup_that_others_wrote(box: Mailbox) -> None:
    assert await sent(mailto(box, more="&format=html")) == Delivered()

    body = box.mails[0].get_body(("html",))
    assert body is not None
    html = body.get_content()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html


async def test_a_mail_that_a_server_refuses_is_sent_again(box: Mailbox) -> None:
    outcome = await sent(mailto(box, to="nobody@mail.test"))

    assert isinstance(outcome, Again)
    assert "nobody@mail.test" in outcome.said
    assert box.mails == []


@asynccontextmanager
async def silence() -> AsyncGenerator[Silence]:
    """A server that takes connections and says nothing."""
    greeted, left = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.set()
        await reader.read()  # until the child is gone, which closes its socket
        left.set()
        writer.close()

    server = await asyncio.start_server(silent, LOOPBACK, 0)
    async with server:
        yield Silence(server.sockets[0].getsockname()[1], greeted, left)


async def test_a_child_is_killed_when_nobody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with silence() as server, asyncio.TaskGroup() as tasks:
        code = f"import socket, time; s = socket.create_connection(('{LOOPBACK}', {server.port})); time.sleep(3600)"
        monkeypatch.setattr(apprise_sender, "_COMMAND", (sys.executable, "-c", code))
        sending = tasks.create_task(sent("mailto://mail.test"), name="send")
        await server.greeted.wait()
        sending.cancel()
        await server.left.wait()


async def test_a_child_ends_by_itself_if_nobody_is_left_to_kill_it() -> None:
    async with silence() as server:
        address = f"mailto://{LOOPBACK}:{server.port}?from=a@mail.test&to=b@mail.test&cto=300&rto=300"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", apprise_sender.CHILD, env={}, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await process.communicate(encode(Task(addresses=(address,), seconds=1, subject="a", text="b")))

    assert process.returncode == -signal.SIGALRM


async def test_what_takes_longer_than_the_deadline_is_sent_again(receiver: HttpReceiver) -> None:
    receiver.is_silent()

    outcome = await sent(f"json://{LOOPBACK}:{receiver.port}/?rto=300", "json", deadline=5)

    assert outcome == Again(said="the service did not answer within 5 s")
    if receiver.requests:  # a machine under load may not have come so far
        await receiver.abandoned.wait()


async def test_a_service_that_the_operator_allows_gets_the_message(receiver: HttpReceiver) -> None:
    assert await sent(f"json://{LOOPBACK}:{receiver.port}/hook", "json") == Delivered()

    (request,) = receiver.requests
    body = json.loads(request.body)
    assert request.path == "/hook"
    assert (body["title"], body["message"], body["type"]) == (MESSAGE.subject, MESSAGE.text, "failure")
    assert body["attachments"] == []


async def test_no_more_children_run_at_once_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_sender, "_COMMAND", ("/bin/cat",))  # a task is no answer
    running: list[Task] = []
    most, asked = 0, apprise_sender.asked

    async def counted(task: Task, deadline: float) -> Answer | Again:
        nonlocal most
        running.append(task)
        most = max(most, len(running))
        try:
            return await asked(task, deadline)
        finally:
            running.remove(task)

    monkeypatch.setattr(apprise_sender, "asked", counted)
    sender = AppriseSender(children=2)
    async with asyncio.TaskGroup() as tasks:
        sends = [
            tasks.create_task(sender.send(AppriseTarget(f"mailto://{n}.test"), MESSAGE, deadline=PATIENCE), name="send")
            for n in range(5)
        ]

    assert most == 2
    assert {type(send.result()) for send in sends} == {Again}


async def test_a_failure_is_tried_again_and_tells_nothing_of_the_address(receiver: HttpReceiver) -> None:
    receiver.answers(500, "t0kenpath")

    outcome = await sent(f"json://user:pa55word@{LOOPBACK}:{receiver.port}/t0kenpath?-key=s3cretkey", "json")

    assert isinstance(outcome, Again)
    assert "500" in outcome.said
    for secret in ("t0kenpath", "pa55word", "s3cretkey"):
        assert secret not in outcome.said


async def test_a_name_that_Apprise_repeats_of_an_address_is_hidden() -> None:  # noqa: N802
    """Of Slack or Telegram what stands in the host's place is a credential."""
    outcome = await sent("json://t0kenhost.invalid/x", "json")

    assert isinstance(outcome, Again)
    assert "[secret]" in outcome.said
    assert "t0kenhost" not in outcome.said


async def test_a_redirect_is_not_followed(receiver: HttpReceiver) -> None:
    receiver.answers(307, Location=f"{receiver.url}/elsewhere")

    assert isinstance(await sent(f"json://{LOOPBACK}:{receiver.port}/here", "json"), Again)
    assert [request.path for request in receiver.requests] == ["/here"]


async def test_an_address_that_is_not_allowed_is_dead_and_nothing_is_sent(receiver: HttpReceiver) -> None:
    assert await sent(f"json://{LOOPBACK}:{receiver.port}/") == Dead(
        said="the address names the service json, which is not allowed: list it in WATERCLOCK_NOTICES_SERVICES"
    )
    assert receiver.requests == []


async def test_nothing_of_the_environment_reaches_a_child(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")

    assert await sent(f"json://{LOOPBACK}:{receiver.port}/", "json") == Delivered()


async def test_the_address_is_no_argument_and_no_variable_of_the_child(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    answer = receiver.answer

    async def looking(request: web.BaseRequest) -> web.StreamResponse:
        seen.extend(children())
        return await answer(request)

    receiver.answer = looking
    assert await sent(f"json://{LOOPBACK}:{receiver.port}/t0kenpath", "json") == Delivered()

    assert any(apprise_sender.CHILD in one for one in seen)
    assert not any("t0kenpath" in one or "PATH=" in one for one in seen if apprise_sender.CHILD in one)


async def test_a_child_that_ends_without_an_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_sender, "_COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))

    assert await sent("mailto://mail.test") == Again(said="the child process ended by exit code 3, without an answer")


async def test_a_child_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_sender, "_COMMAND", ("/nowhere/python",))

    assert await sent("mailto://mail.test") == Again(said="the child process did not start: No such file or directory")


ADDRESSES: list[tuple[str, str | None]] = [
    ("mailto://u:p@mail.test", None),
    ("mailtos://u:p@mail.test?to=b@mail.test", None),
    (f"slack://{TOKENS}", None),
    (f"https://hooks.slack.com/services/{TOKENS}", None),
    (f"slack://{TOKENS}?template=/etc/passwd", "option template"),
    (f"slack://{TOKENS}?TEMPL%41TE=/etc/passwd", "option template"),
    (
        f"https://hooks.slack.com/services/{TOKENS}?template=/x",
        "option template",
    ),
    ("fcm://project/device?keyfile=/x", "service fcm"),
    ("vapid://a@b.test/c@d.test?subfile=/x", "service vapid"),
    ("mailto://u:p@mail.test?pgp=yes", "option pgp"),
    ("mailto://u:p@mail.test?pgpkey=/etc/passwd", "option pgpkey"),
    ("mailto://u:p@mail.test?pgppub=/etc/passwd", "option pgppub"),
    ("mailto://u:p@mail.test?wkd=yes", "option wkd"),
    ("mailto://u:p@mail.test?attach=/etc/passwd", "option attach"),
    ("mailtos://u:p@mail.test?verify=no", "verify=no"),
    ("mailtos://u:p@mail.test?redirect=yes", "redirect=yes"),
    ("json://127.0.0.1/", "service json"),
    ("syslog://", "service syslog"),
    ("slack://T1JJ3T3L2", "no complete address of Slack"),
    ("nonsense://s3cret", "no address that Apprise can read"),
]


async def test_addresses_are_checked_before_anything_is_sent() -> None:
    targets = [AppriseTarget(address) for address, _ in ADDRESSES]
    found = await AppriseSender().flaws(targets, deadline=PATIENCE)

    for (address, flaw), told in zip(ADDRESSES, found, strict=True):
        assert (told is None) == (flaw is None), (address, told)
        assert flaw is None or flaw in (told or ""), (address, told)
        assert "s3cret" not in (told or "")


async def test_a_service_may_be_allowed_by_any_of_its_words() -> None:
    for word in ("gotify", "Gotifys://"):
        sender = AppriseSender([word])
        assert await sender.flaws([AppriseTarget("gotify://push.test/t0ken")], deadline=PATIENCE) == [None]


async def test_what_could_not_be_checked_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_sender, "_COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))

    assert (
        await AppriseSender().flaws([AppriseTarget("mailto://mail.test")] * 2, deadline=PATIENCE)
        == ["could not be checked: the child process ended by exit code 3, without an answer"] * 2
    )
    assert await AppriseSender().flaws([], deadline=PATIENCE) == []
