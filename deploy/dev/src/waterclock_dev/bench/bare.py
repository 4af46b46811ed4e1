"""The yardsticks: redis-py alone, doing what has to be done and nothing else.

They say what the machine, the server, the scripts and the client allow; the rest is what a worker costs.
"""

import subprocess  # nosec B404 # our own programs, by argument list
import sys
import time
from typing import Any

import msgspec
import redis

from waterclock.log.commands.bodies import body_of, part
from waterclock.log.connection.scripts import Script
from waterclock.model.events import ResultRefused, RunCancelled, RunDied, RunStarted, RunSucceeded
from waterclock.wire.keys import STREAMS, Keys
from waterclock_dev.bench.stage import QUEUE
from waterclock_dev.servers.children import ending_with_us

SESSION = "bare-loop"
_encode = msgspec.msgpack.Encoder().encode


class _Partition:
    """Calls the log's own scripts in partition 0 over one connection."""

    def __init__(self, url: str) -> None:
        self._client = _connect(url)
        self._run_id: str = self._client.info("server")["run_id"]
        self._keys = Keys()

    def script(self, name: str) -> "_Call":
        source = Script(name, object).source
        keys = [self._keys.partition(0, key) for key in source.keys]
        if source.queues:
            keys += [self._keys.partition(0, f"{stream}:{QUEUE.name}") for stream in STREAMS]
        return _Call(self._client, self._client.script_load(source.text), keys, self._run_id)

    def close(self) -> None:
        self._client.close()


class _Call:
    def __init__(self, client: Any, sha: str, keys: list[str], run_id: str) -> None:
        self._client = client
        self._sha = sha
        self._keys = keys
        self._run_id = run_id

    def __call__(self, payload: dict[str, Any]) -> dict[str, Any]:
        reply = self._client.evalsha(self._sha, len(self._keys), *self._keys, self._run_id, _encode(payload), 1)
        return msgspec.msgpack.decode(reply)


def drain(url: str, *, batch: int) -> float:
    """Claim and end, `batch` at a time, until nothing is due; seconds."""
    partition = _Partition(url)
    join, claim, end = (partition.script(name) for name in ("join", "claim", "end"))
    join({"session": SESSION, "body": None})
    asked: dict[str, Any] = {
        "partition": 0,
        "session": SESSION,
        "slots": batch,
        "queues": [{"name": QUEUE.name, "weight": QUEUE.weight, "credit": 0}],
        "strict": False,
        "suspects": 1,
        "body": part(RunStarted, worker="bare", session=SESSION),
        "body_cancelled": part(RunCancelled),
        "body_died": part(RunDied, reason="storeLost"),
    }
    began = time.perf_counter()
    number = 0
    while True:
        number += 1
        grants = claim({**asked, "number": number})["grants"]
        if not grants:
            break
        end({"endings": [_ending(run_id, attempt, fence) for run_id, _, fence, attempt, *_ in grants]})
    took = time.perf_counter() - began
    partition.close()
    return took


def _ending(run_id: str, attempt: int, fence: int) -> dict[str, Any]:
    who: dict[str, Any] = {"run_id": run_id, "attempt": attempt, "fence": fence}
    return {
        **who,
        "body": body_of(RunSucceeded(**who)),
        "ended": "succeeded",
        "ready_at": 0,
        "counted": False,
        "give_back": False,
        "body_cancelled": None,
        "body_refused": body_of(ResultRefused(**who, outcome="succeeded")),
    }


class Blocked:
    """Another process, blocked on a list: what is pushed comes back as the moment of its arrival."""

    def __init__(self, url: str) -> None:
        self._client = _connect(url)
        waiter = [sys.executable, "-c", _WAITER, url]
        self._process = subprocess.Popen(ending_with_us(waiter))  # nosec B603 # ourselves, no shell
        self.push()  # the first answer comes when the other process is there

    def push(self) -> float:
        """Push, and wait for the answer; milliseconds from before the push until the other process had it."""
        sent = time.monotonic_ns()
        self._client.lpush("bare:there", "x")
        _, arrived = self._client.blpop(["bare:back"])
        return (int(arrived) - sent) / 1e6

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._client.close()


def _connect(url: str) -> Any:
    return redis.Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]


_WAITER = """
import sys, time, redis
client = redis.Redis.from_url(sys.argv[1])
while True:
    client.blpop(["bare:there"])
    client.lpush("bare:back", time.monotonic_ns())
"""
