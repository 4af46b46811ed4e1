"""What machines are set to that speak no UTF-8."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ASCII = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "LC_ALL": "POSIX", "PYTHONIOENCODING": ""}


def latin_1(folder: Path) -> dict[str, str]:
    """Of ISO 8859-1, where the machine can make such a locale; else of ASCII, which lacks more."""
    name = "en_US.ISO-8859-1"
    if (localedef := shutil.which("localedef")) is None:
        return ASCII
    made = subprocess.run(
        [localedef, "-i", "en_US", "-f", "ISO-8859-1", str(folder / name)], capture_output=True, check=False, timeout=60
    )
    return ASCII | {"LC_ALL": name, "LOCPATH": str(folder)} if made.returncode == 0 else ASCII


def is_ascii(machine: dict[str, str]) -> bool:
    return machine["LC_ALL"] == ASCII["LC_ALL"]
