"""Commands that the README asks for, and stand-ins for those that a machine lacks."""

import os
import shlex
import shutil
import sys
from pathlib import Path

STAND_INS = {name: Path(__file__).parent / "bin" / f"as_{name}.py" for name in ("curl", "jq")}
FORCED = "WATERCLOCK_TEST_STAND_INS"
"""Set to anything, stand-ins are used whether or not the machine has the commands."""


def path_with_commands(folder: Path) -> str:
    """A PATH on which all of them are found; `folder` holds what the machine lacks."""
    folder.mkdir()
    for name, script in STAND_INS.items():
        if FORCED in os.environ or shutil.which(name, path=os.defpath) is None:
            command = folder / name
            command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))} "$@"\n')
            command.chmod(0o755)
    return f"{folder}{os.pathsep}{os.defpath}"
