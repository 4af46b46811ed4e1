"""What pages show of the code is what the code has."""

import subprocess
import sys

from tests.support.repository import ROOT


def test_generated_parts_are_up_to_date() -> None:
    words = [sys.executable, "deploy/docs/generate.py", "--check"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
