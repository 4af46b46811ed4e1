"""How many triggers of a job a second one API process answers, and a Litestar handler that makes one XADD instead."""

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from waterclock.model.ids import JobId
from waterclock.store.connection.migrate import migrate
from waterclock_dev.bench.http_load import send
from waterclock_dev.bench.spent import spent
from waterclock_dev.bench.stage import staged
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.server import Server

JOB = JobId("benchjob")
PATH = f"/jobs/{JOB}/trigger"
WARM = 200  # requests


class Served(msgspec.Struct, frozen=True, kw_only=True):
    rate: float  # requests a second
    spent: float | None  # processor seconds of the process for each; None where the system does not tell


class Round(msgspec.Struct, frozen=True, kw_only=True):
    api: Served
    bare: Served

    @property
    def ratio(self) -> float:
        return self.api.rate / self.bare.rate

    @property
    def ratio_spent(self) -> float | None:
        """How much of the processor time that ours takes the bare handler takes."""
        if self.api.spent and self.bare.spent:
            return self.bare.spent / self.api.spent
        return None


async def measure(*, requests: int, rounds: int, replicas: int = 0) -> list[Round]:
    """Both on one store, one after the other in each round; nobody claims the runs, nobody projects them."""
    with TemporaryDirectory(prefix="waterclock-bench-", ignore_cleanup_errors=True) as folder:
        async with staged(replicas=replicas) as stage, Server(Postgres(data=Path(folder) / "postgres")) as postgres:
            await migrate(postgres.url)
            await stage.job(JOB, "demo.noop", concurrent="0")
            port, bare_port = free_port(), free_port()
            ours, theirs = f"http://{LOOPBACK}:{port}/v1/monitor{PATH}", f"http://{LOOPBACK}:{bare_port}{PATH}"
            async with stage.api(postgres.url, port=port) as api, stage.bare_api(port=bare_port) as bare:
                await send(ours, count=WARM)
                await send(theirs, count=WARM)
                return [
                    Round(bare=await served(bare.pid, theirs, requests), api=await served(api.pid, ours, requests))
                    for _ in range(rounds)
                ]


def middle(rounds: list[Round]) -> Round:
    """The round whose ratio is the median."""
    found = statistics.median_low(each.ratio for each in rounds)
    return next(each for each in rounds if each.ratio == found)


async def served(pid: int, url: str, requests: int, *, bearer: str | None = None) -> Served:
    """So many requests, answered by the process."""
    before = spent(pid)
    took = await send(url, count=requests, bearer=bearer)
    after = spent(pid)
    each = None if before is None or after is None else (after - before) / requests
    return Served(rate=requests / took, spent=each)
