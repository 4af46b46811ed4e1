"""Child processes: their output read line by line, their pid the program's own, their end tied to ours."""

import asyncio
import collections
import concurrent.futures
import shutil
import signal
import subprocess  # nosec B404 # our own programs, by argument list
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

OnLine: TypeAlias = Callable[[str], None]

LINES_KEPT = 20  # what an error shows of a log


class Child:
    """One running program.

    It leads its own session, so a Ctrl-C in the terminal reaches only us and we say in which order things stop. It is
    bound to no event loop: a child started in one may be stopped in another.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        on_line: OnLine | None = None,
        env: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Start `command`; `on_line` is called from a thread, for each line of stdout and stderr.

        `env` replaces the environment when given; `keep_open` are file descriptors the child inherits.
        """
        self.name = name
        self._on_line = on_line
        self._lines: collections.deque[str] = collections.deque(maxlen=LINES_KEPT)
        self._process = subprocess.Popen(  # nosec B603 # what our callers name, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            pass_fds=keep_open,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
        self._exit: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._exit.set_running_or_notify_cancel()  # so that a cancelled waiter does not cancel it for all
        self._reader = threading.Thread(target=self._read, name=f"read {name}", daemon=True)
        self._reader.start()
        threading.Thread(target=self._reap, name=f"reap {name}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return not self._exit.done()

    @property
    def last_lines(self) -> str:
        """The end of its output, all of it when the child has exited."""
        if not self.running:
            self._reader.join(timeout=1)  # a grandchild may hold the pipe open
        return "\n".join(self._lines.copy())

    async def exited(self) -> int:
        """Wait until it has exited; its code, or the number of the signal that ended it, negative."""
        return await asyncio.wrap_future(self._exit)

    async def stop(self, sig: signal.Signals = signal.SIGTERM, *, grace: float) -> int:
        """Ask it to end by `sig`, and kill it after `grace` seconds. Once it has exited, only its code is given."""
        self._process.send_signal(sig)
        try:
            async with asyncio.timeout(grace):
                return await self.exited()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """End it as a crash would: SIGKILL, no last words."""
        self._process.kill()
        return await self.exited()

    async def silent(self, *, within: float) -> None:
        """Wait until nobody can write to its output any more, at most so many seconds: it and its children are gone."""
        await asyncio.to_thread(self._reader.join, within)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                text = line.rstrip("\n")
                self._lines.append(text)
                if self._on_line is not None:
                    self._on_line(text)

    def _reap(self) -> None:
        self._exit.set_result(self._process.wait())


def ending_with_us(command: Sequence[str], sig: signal.Signals = signal.SIGTERM) -> list[str]:
    """`command` such that the kernel sends it `sig` when the thread that starts it ends: start it in the main one.

    Where `setpriv` (util-linux) is missing, as on macOS, the command is left as it is, and a program whose parent was
    killed outlives it. `setpriv` replaces itself, so the pid is the program's. It must come after whatever changes the
    user, for that clears the kernel's note.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return list(command)
    return [setpriv, "--pdeathsig", sig.name.removeprefix("SIG"), "--", *command]
