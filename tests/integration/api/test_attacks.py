"""Credentials as nobody should send them: refused with 401 or 400, and never in a log."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, served


async def asked(url: str, path: str, *headers: bytes) -> tuple[int, bytes]:
    """The status and all of the answer, to headers that no client would send."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    lines = [f"GET {path} HTTP/1.1".encode(), b"Host: x", b"Connection: close", *headers]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.asyncio
async def test_odd_credentials_are_refused_and_told_to_nobody(rig: MakeRig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with rig() as api, served(api) as url:
        good = (await api.key("list")).encode()
        bearer = b"Authorization: Bearer " + good
        for headers, status in (
            ([bearer], 200),
            ([b"authorization: bearer   " + good], 200),
            ([bearer, bearer], 401),
            ([b"Authorization: Basic " + good], 401),
            ([b"Authorization: " + good], 401),
            ([b"Authorization: Bearer"], 401),
            ([bearer + b" x"], 401),
            ([b"X-API-Key: " + good], 401),
            ([b"Cookie: key=" + good], 401),
            ([b"Authorization: Bearer \xff\xfe\xe4" + good], 401),
            ([b"Authorization: Bearer " + good.upper()], 401),
            ([b"Authorization: Bearer wck_" + b"x" * 20_000], 401),
            ([b"Authorization: Bearer " + b"a." * 10_000], 401),
        ):
            found, answer = await asked(url, JOBS, *headers)
            assert found == status, headers
            assert good not in answer.replace(b"\r\n", b"")
        for name in ("key", "access_token", "api_key"):
            assert (await asked(url, f"{JOBS}?{name}={good.decode()}"))[0] == 401
            found, answer = await asked(url, f"{JOBS}?{name}={good.decode()}", bearer)
            assert (found, good in answer) == (400, False)
        assert good.decode() not in caplog.text
