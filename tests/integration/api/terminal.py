"""A terminal at which verbs are typed, beside a real API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import click
from click.testing import CliRunner, Result

from tests.integration.api.conftest import MakeRig
from tests.integration.api.deciding import Story
from tests.integration.api.rig import served


def brief(at: str) -> str:
    """A moment as verbs show it in UTC."""
    return at.replace(".000Z", "Z")


class Terminal:
    def __init__(self, url: str) -> None:
        self.url = url

    async def run(self, verb: click.Command, *arguments: str) -> Result:
        """A verb, in a thread: the API is served by this loop."""
        runner = CliRunner(env={"WATERCLOCK_API_URL": self.url, "TZ": "UTC"})
        return await asyncio.to_thread(runner.invoke, verb, list(arguments))


@asynccontextmanager
async def told(rig: MakeRig) -> AsyncGenerator[tuple[Story, Terminal]]:
    async with rig() as api, served(api) as url:
        yield Story(api), Terminal(url)
