"""The part of Redis that the log needs, in memory: its commands, and its scripts in the same Lua.

What runs here is what is shipped: the files of `log/lua` are executed as they are. Only the commands under them are
written again, and the log's own conformance suite runs on them beside Valkey and Redis (`tests/contract/log`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar, cast

from redis.exceptions import NoScriptError, ResponseError

from tests.support.memory.lua import Interpreter
from tests.support.memory.values import SortedSet, Stream, Value, entry_id, entry_text

Words = list[bytes]
V = TypeVar("V", dict[bytes, bytes], Stream, SortedSet, bytes)
RUN_ID = b"memory"


class Store:
    """`now_us` is the store's wall clock, in microseconds; it may step. `run_id`: of the server process."""

    def __init__(self, now_us: Callable[[], int], *, run_id: bytes = RUN_ID) -> None:
        self.keys: dict[bytes, Value] = {}
        self.run_id = run_id
        self.calls: Counter[str] = Counter()  # of commands, by their names
        self._now_us = now_us
        self._scripts: dict[bytes, Any] = {}
        self._interpreter = Interpreter(self.do)
        self._watch: Callable[[Words], Any] = self.evaluate

    def watch(self, evaluate: Callable[[Words], Any]) -> None:
        """Have scripts executed by `evaluate`, which calls ours."""
        self._watch = evaluate

    def do(self, name: bytes, words: Words) -> Any:
        """
        Raises:
            ResponseError: the command is refused, or not known here.
        """
        name = name.upper()
        command = _COMMANDS.get(name)
        if command is None:
            raise ResponseError(f"ERR unknown command {name.decode()!r}")
        self.calls[name.decode().lower()] += 1
        return command(self, words)

    def evaluation(self, words: Words) -> Any:
        return self._watch(words)

    def evaluate(self, words: Words) -> Any:
        """EVALSHA."""
        sha, count, *rest = words
        script = self._scripts.get(sha)
        if script is None:
            raise NoScriptError("No matching script.")
        reply = self._interpreter.run(script, rest[: int(count)], rest[int(count) :])
        if isinstance(reply, dict):
            raise ResponseError(cast("dict[bytes, bytes]", reply)[b"err"].decode())
        return reply

    def load(self, text: bytes) -> bytes:
        sha = hashlib.sha1(text).hexdigest().encode()
        _, _, body = text.partition(b"\n")
        self._scripts[sha] = self._interpreter.compile(body)
        return sha

    def close(self) -> None:
        """Let go of the interpreter; nothing is executed any more."""
        self._scripts.clear()
        self._interpreter.close()

    def forget_scripts(self) -> None:
        self._scripts.clear()

    def time(self) -> Words:
        seconds, us = divmod(self._now_us(), 1_000_000)
        return [b"%d" % seconds, b"%d" % us]

    def now_ms(self) -> int:
        return self._now_us() // 1000

    def value(self, key: bytes, kind: type[V]) -> V | None:
        found = self.keys.get(key)
        if found is None:
            return None
        if not isinstance(found, kind):
            raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return found

    def made(self, key: bytes, kind: type[V]) -> V:
        found = self.value(key, kind)
        if found is None:
            found = self.keys[key] = kind()
        return found

    def tidy(self, key: bytes) -> None:
        """A hash or a sorted set goes with its last member; a stream stays."""
        found = self.keys.get(key)
        if not isinstance(found, Stream) and found is not None and not found:
            del self.keys[key]


def _hash(store: Store, key: bytes) -> dict[bytes, bytes]:
    return store.value(key, dict) or {}


def _hset(store: Store, words: Words) -> int:
    found = store.made(words[0], dict)
    before = len(found)
    found.update(zip(words[1::2], words[2::2], strict=True))
    return len(found) - before


def _hsetnx(store: Store, words: Words) -> int:
    if words[1] in _hash(store, words[0]):
        return 0
    return _hset(store, words)


def _hdel(store: Store, words: Words) -> int:
    found = _hash(store, words[0])
    gone = sum(found.pop(field, None) is not None for field in words[1:])
    store.tidy(words[0])
    return gone


def _hmget(store: Store, words: Words) -> list[bytes | None]:
    found = _hash(store, words[0])
    return [found.get(field) for field in words[1:]]


def _hgetall(store: Store, words: Words) -> Words:
    return [part for pair in _hash(store, words[0]).items() for part in pair]


def _delete(store: Store, words: Words) -> int:
    return sum(store.keys.pop(key, None) is not None for key in words)


def _rename(store: Store, words: Words) -> bytes:
    if words[0] not in store.keys:
        raise ResponseError("no such key")
    store.keys[words[1]] = store.keys.pop(words[0])
    return b"OK"


def _xadd(store: Store, words: Words) -> bytes:
    key, *rest = words
    most = None
    if rest[0].upper() == b"MAXLEN":
        most = int(rest[2] if rest[1] in {b"~", b"="} else rest[1])
        rest = rest[3 if rest[1] in {b"~", b"="} else 2 :]
    stream = store.made(key, Stream)
    fresh = rest[0] == b"*"
    entry = max((store.now_ms(), 0), (stream.last[0], stream.last[1] + 1)) if fresh else entry_id(rest[0])
    try:
        stream.add(entry, rest[1:])
    except ValueError as error:
        raise ResponseError("The ID specified in XADD is equal or smaller than the target stream top item") from error
    if most is not None:
        stream.cut(len(stream) - most)
    return entry_text(entry)


def _stream(store: Store, key: bytes) -> Stream:
    return store.value(key, Stream) or Stream()


def _xdel(store: Store, words: Words) -> int:
    stream = _stream(store, words[0])
    return sum(stream.remove(entry_id(entry)) for entry in words[1:])


def _xtrim(store: Store, words: Words) -> int:
    stream = _stream(store, words[0])
    bound = words[-1]
    return stream.cut(stream.place(bound, end=False) if words[1].upper() == b"MINID" else len(stream) - int(bound))


def _counted(found: list[Any], words: Words) -> list[Any]:
    return found[: int(words[1])] if words and words[0].upper() == b"COUNT" else found


def _xrange(store: Store, words: Words) -> list[Any]:
    return _counted(_stream(store, words[0]).between(words[1], words[2]), words[3:])


def _xrevrange(store: Store, words: Words) -> list[Any]:
    return _counted(_stream(store, words[0]).between(words[2], words[1])[::-1], words[3:])


def _xinfo(store: Store, words: Words) -> list[Any]:
    stream = store.value(words[1], Stream)
    if stream is None:
        raise ResponseError("no such key")
    return [b"length", len(stream), b"last-generated-id", entry_text(stream.last)]


def _memory(store: Store, words: Words) -> int:
    """MEMORY USAGE of a stream: the bytes in it."""
    stream = _stream(store, words[1])
    return sum(len(part) for fields in stream.fields for part in fields)


def _zset(store: Store, key: bytes) -> SortedSet:
    return store.value(key, SortedSet) or SortedSet()


def _zadd(store: Store, words: Words) -> int:
    found = store.made(words[0], SortedSet)
    pairs = zip(words[1::2], words[2::2], strict=True)
    return sum([found.add(member, float(score)) for score, member in pairs])


def _zrem(store: Store, words: Words) -> int:
    found = _zset(store, words[0])
    gone = sum([found.remove(member) for member in words[1:]])
    store.tidy(words[0])
    return gone


def _zrange(store: Store, words: Words) -> list[bytes]:
    order = _zset(store, words[0]).order
    first, last = (int(word) + (len(order) if int(word) < 0 else 0) for word in words[1:3])
    chosen = order[max(0, first) : last + 1]
    if len(words) > 3:
        return [part for score, member in chosen for part in (member, b"%.17g" % score)]
    return [member for _, member in chosen]


def _limited(found: list[bytes], words: Words) -> list[bytes]:
    if not words:
        return found
    offset, most = int(words[1]), int(words[2])
    return found[offset : offset + most]


def _zrangebylex(store: Store, words: Words) -> list[bytes]:
    return _limited(_zset(store, words[0]).by_name(words[1], words[2]), words[3:])


def _zrevrangebylex(store: Store, words: Words) -> list[bytes]:
    return _limited(_zset(store, words[0]).by_name(words[2], words[1])[::-1], words[3:])


def _zrangebyscore(store: Store, words: Words) -> list[bytes]:
    return _limited(_zset(store, words[0]).by_score(float(words[1]), float(words[2])), words[3:])


def _set(store: Store, words: Words) -> bytes:
    store.keys[words[0]] = words[1]
    return b"OK"


def _script(store: Store, words: Words) -> bytes:
    if words[0].upper() == b"LOAD":
        return store.load(words[1])
    store.forget_scripts()
    return b"OK"


_INFO = b"# Server\r\nredis_version:8.0.0\r\nredis_mode:standalone\r\nrun_id:%b\r\n"


def _info(store: Store, words: Words) -> bytes:
    if words == [b"commandstats"]:
        return "\r\n".join(f"cmdstat_{name}:calls={calls}" for name, calls in store.calls.items()).encode()
    return _INFO % store.run_id


_SETTINGS = {b"maxmemory-policy": b"noeviction", b"appendonly": b"yes", b"appendfsync": b"always"}
_COMMANDS: dict[bytes, Callable[[Store, Words], Any]] = {
    b"CONFIG": lambda _, words: [words[1], _SETTINGS[words[1]]],
    b"DEL": _delete,
    b"EVALSHA": lambda store, words: store.evaluation(words),
    b"EXISTS": lambda store, words: sum(key in store.keys for key in words),
    b"HDEL": _hdel,
    b"HEXISTS": lambda store, words: int(words[1] in _hash(store, words[0])),
    b"HGET": lambda store, words: _hash(store, words[0]).get(words[1]),
    b"HGETALL": _hgetall,
    b"HKEYS": lambda store, words: list(_hash(store, words[0])),
    b"HLEN": lambda store, words: len(_hash(store, words[0])),
    b"HMGET": _hmget,
    b"HSCAN": lambda store, words: [b"0", _hgetall(store, words)],
    b"HSET": _hset,
    b"HSETNX": _hsetnx,
    b"INFO": _info,
    b"MEMORY": _memory,
    b"RENAME": _rename,
    b"SCRIPT": _script,
    b"SET": _set,
    b"TIME": lambda store, _: store.time(),
    b"UNLINK": _delete,
    b"XADD": _xadd,
    b"XDEL": _xdel,
    b"XINFO": _xinfo,
    b"XLEN": lambda store, words: len(_stream(store, words[0])),
    b"XRANGE": _xrange,
    b"XREVRANGE": _xrevrange,
    b"XTRIM": _xtrim,
    b"ZADD": _zadd,
    b"ZCARD": lambda store, words: len(_zset(store, words[0])),
    b"ZLEXCOUNT": lambda store, words: len(_zrangebylex(store, words)),
    b"ZRANGE": _zrange,
    b"ZRANGEBYLEX": _zrangebylex,
    b"ZRANGEBYSCORE": _zrangebyscore,
    b"ZREM": _zrem,
    b"ZREVRANGEBYLEX": _zrevrangebylex,
}
