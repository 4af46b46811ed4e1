"""Settings as people and their tools write them: read in one way by every service, or refused in a line."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from waterclock.cli.connection.resolve import ClientSettings
from waterclock.kit.addresses import authority, listening_socket, served_host
from waterclock.kit.health import Report, served
from waterclock.kit.service import Unfit
from waterclock.kit.settings import PREFIX, RedisSettings, SettingsError, TelemetrySettings, read
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.http.server import check_free
from waterclock_api.settings import ApiSettings, MigrateSettings, ProjectorSettings, StoreSettings, queues_of
from waterclock_dev.servers.external import Elsewhere
from waterclock_scheduler.main import SchedulerSettings
from waterclock_worker.main import worker
from waterclock_worker.settings import WorkerSettings

ALL = (
    *(ApiSettings, ClientSettings, Elsewhere, MigrateSettings, ProjectorSettings, RedisSettings),
    *(SchedulerSettings, TelemetrySettings, TokenSettings, WorkerSettings),
)
SERVED = (ApiSettings, ProjectorSettings, SchedulerSettings, WorkerSettings)


def variables(*kinds: type[msgspec.Struct]) -> Iterator[tuple[type[msgspec.Struct], msgspec.structs.FieldInfo]]:
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            yield kind, field


@pytest.mark.parametrize("empty", ["", "  ", "\t"])
@pytest.mark.parametrize("kind", ALL)
def test_an_empty_variable_is_as_one_that_is_not_set(kind: type[msgspec.Struct], empty: str) -> None:
    environment = {f"{PREFIX}{field.name.upper()}": empty for _, field in variables(kind)}
    assert read(kind, environment | {"REDIS_URL": empty}) == read(kind, {})


def test_a_variable_that_must_be_set_is_not_empty() -> None:
    with pytest.raises(SettingsError, match="WATERCLOCK_POSTGRES_URL is not set"):
        read(StoreSettings, {"WATERCLOCK_POSTGRES_URL": ""})


def test_the_bare_name_counts_where_the_other_is_empty() -> None:
    environment = {"WATERCLOCK_REDIS_URL": "", "REDIS_URL": "redis://there:6379/1"}
    assert read(RedisSettings, environment).redis_url == "redis://there:6379/1"


ODD = ("\udcff", "nonsense ^$", "-1", "1e999", "nan", "9" * 5_000, "http://a b", "ftp://x", "a\nb", "(", "'")


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:16])
def test_whatever_is_set_is_read_or_refused_in_a_line_that_names_it(odd: str) -> None:
    for kind, field in variables(*ALL):
        name = f"{PREFIX}{field.name.upper()}"
        refused = said(kind, {name: odd})
        if refused is not None:
            assert refused.startswith(f"{name}: ")
            assert "\n" not in refused.replace(repr(odd), "")
            for sign in ("^", "$(", "[^", "does not match", "regex", "`"):
                assert sign not in refused.replace(odd, "").replace(repr(odd), ""), refused


def said(kind: type[msgspec.Struct], environment: dict[str, str]) -> str | None:
    try:
        read(kind, environment)
    except SettingsError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("kind", "name", "value", "message"),
    [
        (TelemetrySettings, "OTLP_ENDPOINT", "localhost:4318", "does not begin with http:// or https://"),
        (TelemetrySettings, "OTLP_ENDPOINT", "ftp://x", "does not begin with http:// or https://"),
        (TelemetrySettings, "OTLP_ENDPOINT", "http://:4318", "has no host"),
        (TelemetrySettings, "OTLP_ENDPOINT", "http://c:99999", "has no valid port (1 to 65535)"),
        (TelemetrySettings, "LOG_LEVEL", "INFO", "is not one of debug, info, warning, error; did you mean info?"),
        (TelemetrySettings, "TRACE_SAMPLE", "half", "'half' is not a number"),
        (RedisSettings, "KEY_PREFIX", "A b", "1 to 32 of a-z, 0-9, - and _; for example staging"),
        (ApiSettings, "PORT", "none", "'none' is not a whole number"),
        (
            ApiSettings,
            "TIMEZONE",
            "Berlin",
            "'Berlin' is not a time zone of the IANA database; did you mean Europe/Berlin",
        ),
        (ApiSettings, "TIMEZONE", "CET-1CEST", "is not a time zone of the IANA database"),
        (ApiSettings, "PORT", "99999", "expected int <= 65535"),
        (WorkerSettings, "HEALTH_PORT", "x", "'x' is not a whole number"),
        (TokenSettings, "JWT_JWKS", "ftp://issuer/keys", "does not begin with http:// or https://"),
        (TokenSettings, "JWT_JWKS", "http://:80/keys", "has no host"),
        (TelemetrySettings, "OTLP_ENDPOINT", "http://\udcff", "holds bytes that are not text"),
        (SchedulerSettings, "SCHEDULER_NAME", "a\u200b", "holds U+200B (ZERO WIDTH SPACE), which is invisible"),
        (SchedulerSettings, "SCHEDULER_NAME", "a  b", "two consecutive spaces"),
        (SchedulerSettings, "SCHEDULER_NAME", "s" * 65, "length <= 64"),
        (WorkerSettings, "WORKER_NAME", "\u202eeno", "holds U+202E"),
        (WorkerSettings, "WORKER_NAME", "a\x85b", "which is a control character"),
    ],
)
def test_what_is_wrong_is_said(kind: type[msgspec.Struct], name: str, value: str, message: str) -> None:
    told = said(kind, {PREFIX + name: value})
    assert told is not None
    assert told.startswith(f"{PREFIX}{name}: ")
    assert message in told


def test_a_name_is_kept_in_nfc() -> None:
    name = "pru\u0308f 1"
    assert read(SchedulerSettings, {"WATERCLOCK_SCHEDULER_NAME": name}).scheduler_name == "pr\u00fcf 1"
    assert read(WorkerSettings, {"WATERCLOCK_WORKER_NAME": f" {name} "}).worker_name == "pr\u00fcf 1"


def test_every_setting_that_is_a_name_keeps_the_rule_of_names() -> None:
    for kind, field in variables(*ALL):
        if field.name.endswith("_name"):
            told = said(kind, {f"{PREFIX}{field.name.upper()}": "a\u2028b"})
            assert told is not None, field.name
            assert "U+2028" in told


def test_a_name_on_the_command_line_keeps_the_same_rule() -> None:
    done = CliRunner().invoke(worker, ["--name", "a\u200b"])
    assert done.exit_code == 2
    assert "--name" in done.output
    assert "holds U+200B" in done.output


def test_a_queue_is_weighed_once() -> None:
    with pytest.raises(SettingsError, match="WATERCLOCK_QUEUE_WEIGHTS: names the queue 'low' twice"):
        queues_of(MigrateSettings(queue_weights=("low=1", "default=2", "low=3")))


@pytest.mark.parametrize(
    "url",
    [
        "https://u:xq/zv@collector:4318",
        "https://u:77/66@collector:4318",
        "https://u:xq#zv@collector:4318",
        "https://u:77?66@collector:4318",
        "https://u:xq?zv@collector:4318",
        "https://u:xq[zv@collector:4318",
        "https://u:xq\u2100zv@collector:4318",
        "https://u:xqzv@collector:99999",
    ],
)
def test_no_piece_of_a_password_is_repeated(url: str) -> None:
    told = said(TelemetrySettings, {"WATERCLOCK_OTLP_ENDPOINT": url})
    assert told is not None
    for one in (told, said(TokenSettings, {"WATERCLOCK_JWT_JWKS": url}) or ""):
        assert not any(piece in one for piece in ("xq", "zv", "77", "66"))


def test_an_address_is_kept_as_it_is_asked() -> None:
    assert read(TelemetrySettings, {"WATERCLOCK_OTLP_ENDPOINT": "HTTP://Collector:4318/"}).otlp_endpoint == (
        "http://collector:4318"
    )
    url = "https://login.example/keys?p=policy"
    assert read(TokenSettings, {"WATERCLOCK_JWT_JWKS": url}).jwt_jwks == url
    assert read(TokenSettings, {"WATERCLOCK_JWT_JWKS": "/etc/keys.json"}).jwt_jwks == "/etc/keys.json"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("localhost", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("::", "::"),
        ("[::]", "::"),
        ("0.0.0.0", "0.0.0.0"),
        (" 127.0.0.1 ", "127.0.0.1"),
        ("0:0:0:0:0:0:0:1", "::1"),
    ],
)
def test_a_host_is_read_alike_by_all_that_serve(text: str, host: str) -> None:
    for kind in SERVED:
        found: Any = read(kind, {"WATERCLOCK_HOST": text})
        assert found.host == host


@pytest.mark.parametrize(
    "text", ["nowhere.invalid", "127.0.0.1:8080", "[::1]:80", "fe80::1%lo", "a b", "http://x", "[]"]
)
def test_a_host_that_is_none_is_said_by_all_that_serve(text: str) -> None:
    for kind in SERVED:
        told = said(kind, {"WATERCLOCK_HOST": text})
        assert told is not None
        assert told.startswith(f"WATERCLOCK_HOST: {text!r} ")


def test_a_host_and_a_port_are_written_as_a_url_has_them() -> None:
    assert [authority(host, 18571) for host in ("::", "::1", "127.0.0.1")] == [
        *("[::]:18571", "[::1]:18571", "127.0.0.1:18571")
    ]


async def test_health_at_every_address_answers_ipv4_and_ipv6() -> None:
    async with served(served_host("::"), 0, lambda: Report(ready=True, said={"ready": 1})) as port:
        for host in ("127.0.0.1", "::1"):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK"), host
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
async def test_a_port_that_is_taken_is_said_to_be_so(host: str) -> None:
    with closing(listening_socket(host, 0)) as taken:
        port = taken.getsockname()[1]
        told = f"_PORT: cannot listen on {authority(host, port)}: Address already in use"
        with pytest.raises(Unfit, match=f"WATERCLOCK_HEALTH{told}".replace("[", r"\[")):
            async with served(host, port, lambda: Report(ready=True, said={})):
                raise AssertionError
        with pytest.raises(Unfit, match=f"WATERCLOCK{told}".replace("[", r"\[")):
            check_free(host, port)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_that_is_not_ours_is_the_hosts_fault(host: str) -> None:
    with pytest.raises(Unfit, match="WATERCLOCK_HOST: "):
        check_free(host, 18_571)
    with pytest.raises(Unfit, match="WATERCLOCK_HOST: "):
        async with served(host, 18_571, lambda: Report(ready=True, said={})):
            raise AssertionError


def test_a_port_is_free_again_at_once() -> None:
    with closing(listening_socket("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = first.accept()
        accepted.close()
        client.close()
    listening_socket("127.0.0.1", port).close()
