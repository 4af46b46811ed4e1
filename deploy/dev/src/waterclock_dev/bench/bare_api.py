"""The yardstick of the API: a Litestar handler that makes one XADD, on the server that ours stands on."""

import asyncio
from typing import Any

import click
import redis.asyncio
from litestar import Litestar, Request, post
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from waterclock_api.http.server import serve
from waterclock_dev.servers.ports import LOOPBACK

STREAM = "bare:runs"


def application(url: str) -> Litestar:
    """One route, of the form of ours."""
    pool: Any = redis.asyncio.BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, max_connections=16, retry=Retry(NoBackoff(), 0)
    )
    client: Any = redis.asyncio.Redis(connection_pool=pool)

    @post("/jobs/{job_id:str}/trigger", status_code=202)
    async def trigger(request: Request[Any, Any, Any], job_id: str) -> dict[str, str]:
        body = await request.body()
        entry = await client.xadd(STREAM, {"job": job_id, "body": body})
        return {"runId": entry.decode()}

    return Litestar([trigger], openapi_config=None)


async def serve_bare(url: str, port: int, stop: asyncio.Event) -> None:
    """Serve until `stop`; says when it is ready."""
    await serve(application(url), LOOPBACK, port, stop, ready=lambda: click.echo("bare: ready"), ending=lambda: None)
