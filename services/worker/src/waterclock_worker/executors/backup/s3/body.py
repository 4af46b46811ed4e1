"""A part as the SDK takes it: sent from where it lies, with its digest."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Callable

_PIECE = 256 * 1024  # bytes given to the socket at once


class Body:
    """Bytes that are sent piece by piece, again from the first after a failure; never copied, nor read in a thread.

    To botocore it is a file, which it measures, rewinds, and reads only where it signs by itself (see `sdk`); aiohttp
    iterates over it.
    """

    def __init__(self, part: memoryview, sha256: str, moved: Callable[[], None]) -> None:
        """`moved` is called for each piece the socket wants."""
        self.sha256 = sha256
        self._part = part
        self._moved = moved
        self._position = 0

    async def __aiter__(self) -> AsyncGenerator[memoryview]:
        for start in range(0, len(self._part), _PIECE):
            self._moved()
            yield self._part[start : start + _PIECE]

    def read(self, size: int, /) -> memoryview:
        chunk = self._part[self._position : self._position + size]
        self._position += len(chunk)
        return chunk

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._part)}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position
