"""Memory that the C library keeps for itself."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX, _M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -8, -1, -3  # malloc.h
_LARGE = 128 << 10  # bytes; glibc's own, until something larger has been freed once


def one_heap() -> None:
    """Let all threads share the C library's first heap, where it is glibc.

    Else each thread gets one of its own that keeps what it once took: 12 MiB and more in a worker that makes backups.
    Threads that run Python take turns anyway, so they hardly ever wait for it.
    """
    _set(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Let what is large go back to the system as soon as it is freed.

    Left alone, glibc takes more and more for small once something large was freed, and keeps twice as much.
    """
    _set(_M_MMAP_THRESHOLD, _LARGE)
    _set(_M_TRIM_THRESHOLD, 2 * _LARGE)


def _set(what: int, value: int) -> None:
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(what, value)
