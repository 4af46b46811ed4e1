"""Lua 5.1 as a Redis server embeds it: `redis`, `cmsgpack` and `cjson` as far as our scripts use them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import msgspec
from lupa.lua51 import LuaRuntime, lua_type

_PRELUDE = b"""
local do_call, pack, unpack_, quote, read = ...
redis = {call = do_call, error_reply = function(text) return {err = text} end}
cmsgpack = {pack = pack, unpack = unpack_}
cjson = {encode = quote, decode = read}
"""
_LEAVES = frozenset({int, float, bool, type(None)})
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


class Interpreter:
    """One server's interpreter; `do` executes a command."""

    def __init__(self, do: Callable[[bytes, list[bytes]], Any]) -> None:
        self._lua: Any = cast("Any", LuaRuntime)(encoding=None, register_eval=False)
        self._do = do
        self._globals: Any = self._lua.globals()
        self._compile: Any = self._lua.eval(b"function(text) return assert(loadstring(text)) end")
        self._compile(_PRELUDE)(self._call, self._packed, self._unpacked, _quoted, self._read)

    def close(self) -> None:
        """Let go of Lua, which holds us: no collector sees through it."""
        del self._lua, self._globals, self._compile

    def compile(self, body: bytes) -> Any:
        return self._compile(body)

    def run(self, script: Any, keys: list[bytes], argv: list[bytes]) -> Any:
        """What the script returns; a table comes as a dict."""
        self._globals[b"KEYS"] = self._lua.table_from(keys)
        self._globals[b"ARGV"] = self._lua.table_from(argv)
        reply = script()
        return dict(reply.items()) if lua_type(reply) == "table" else reply

    def _call(self, name: bytes, *words: Any) -> Any:
        reply = self._do(name, [word if isinstance(word, bytes) else _told(word) for word in words])
        return self._as_lua(reply)

    def _as_lua(self, reply: Any) -> Any:
        if reply is None:
            return False
        if isinstance(reply, list):
            items = cast("list[Any]", reply)  # most are bytes, and there are many
            return self._lua.table_from([each if type(each) is bytes else self._as_lua(each) for each in items])
        return reply

    def _packed(self, value: Any) -> bytes:
        return _pack(_as_python(value))

    def _unpacked(self, packed: bytes) -> Any:
        return self._of_python(_unpack(packed))

    def _read(self, text: bytes) -> Any:
        return self._of_python(json.loads(text))

    def _of_python(self, value: Any) -> Any:
        kind = value.__class__
        if kind is str:
            return value.encode()
        if kind is dict:
            return self._lua.table_from(
                {_key(key): self._of_python(each) for key, each in value.items() if each is not None}
            )
        if kind is list:
            return self._lua.table_from(list(map(self._of_python, value)))
        return value


def _key(key: Any) -> Any:
    return key.encode() if type(key) is str else key


def _told(number: float) -> bytes:
    """A number as the server makes a word of it."""
    return b"%d" % number if isinstance(number, int) else b"%.17g" % number


def _as_python(value: Any) -> Any:
    kind = value.__class__
    if kind is bytes:
        return value.decode()
    if kind in _LEAVES or lua_type(value) != "table":
        return value
    found = dict(value.items())
    if set(found) == set(range(1, len(found) + 1)):
        return [_as_python(found[place]) for place in range(1, len(found) + 1)]
    return {_as_python(key): _as_python(each) for key, each in found.items()}


def _quoted(text: bytes) -> bytes:
    return json.dumps(text.decode()).replace("/", "\\/").encode()
