"""Files of jobs are YAML's UTF-8 or UTF-16, whatever the machine is set to."""

import os
import subprocess
import sys
from pathlib import Path

TEXT = "jobs:\n- jobName: prüfung ß Ü ☕\n  invokeTarget: demo.noop\n"


def test_the_locale_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_bytes(TEXT.encode())
    set_otherwise = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    told = subprocess.run(
        [sys.executable, "-m", "waterclock.cli", "plan", "-f", "jobs.yaml"],
        cwd=tmp_path,
        env={**os.environ, **set_otherwise, "WATERCLOCK_API_URL": "http://127.0.0.1:9"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert "YAML" not in told.stderr
    assert "codec" not in told.stderr
    assert "127.0.0.1:9" in told.stderr  # it got as far as the API
