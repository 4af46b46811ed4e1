"""curl, as far as the README needs it, for machines that have none: run as a program, by the tests' interpreter."""

import argparse
import os
import signal
import sys
from types import FrameType

import httpx

UNREACHABLE, REFUSED, TIME_UP = 7, 22, 28  # curl's own exit codes


def main() -> int:
    asked = _asked()
    if asked.max_time is not None:
        signal.signal(signal.SIGALRM, _end)
        signal.setitimer(signal.ITIMER_REAL, asked.max_time)
    headers = dict(line.split(": ", 1) for line in asked.header)
    if asked.data is not None:
        headers = {"content-type": "application/x-www-form-urlencoded"} | headers
    method = asked.request or ("GET" if asked.data is None else "POST")
    url = asked.url if "://" in asked.url else f"http://{asked.url}"
    try:
        with (
            httpx.Client(timeout=None, trust_env=False) as client,
            client.stream(method, url, headers=headers, content=asked.data) as answer,
        ):
            if asked.fail and answer.is_error:
                return _refuse(asked, f"the answer is {answer.status_code}")
            for piece in answer.iter_raw():
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
    except httpx.TransportError as error:
        _refuse(asked, str(error))
        return UNREACHABLE
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-f", "--fail", action="store_true")
    parser.add_argument("-N", "--no-buffer", action="store_true")  # we never do
    parser.add_argument("-X", "--request")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-d", "--data")
    parser.add_argument("--max-time", type=float)
    parser.add_argument("url")
    return parser.parse_args()


def _refuse(asked: argparse.Namespace, why: str) -> int:
    if not asked.silent:
        sys.stderr.write(f"curl: {asked.url}: {why}\n")
    return REFUSED


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(TIME_UP)  # what came has been written: nothing is buffered


if __name__ == "__main__":
    sys.exit(main())
