"""Known vulnerabilities of what the lock names: pip-audit, and a plain word where nobody could be asked.

    python deploy/supply/audit.py REQUIREMENTS [OSV_URL]

REQUIREMENTS is an export of the lock, with hashes. PyPI is asked, then osv.dev where PyPI does not know; or the one
service of OSV's kind that is named. Exit code 0: each package was looked up, and nothing is known of any; 1: something
is known; 69: some could not be looked up, so nothing is proved.

pip-audit itself ends with 0 where its service does not know a package, and a mirror knows none.
"""

import json
import subprocess  # nosec B404 # pip-audit, by argument list
import sys
from pathlib import Path
from typing import Any, NamedTuple

UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h
LONGEST = 300.0  # s, for one service
SHOWN = 5


class Findings(NamedTuple):
    known: tuple[str, ...]
    asked: int
    unasked: tuple[str, ...]
    said: str  # of pip-audit, when it told nothing


def ask(requirements: str, *service: str) -> Findings:
    program = Path(sys.executable).with_name("pip-audit")
    command = [str(program), "-r", requirements, "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
    try:
        done = subprocess.run(  # nosec B603 # no shell
            [*command, "-f", "json", *service], capture_output=True, encoding="utf-8", check=False, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return Findings((), 0, (), f"no answer in {LONGEST:g} s")
    try:
        found = json.loads(done.stdout)["dependencies"]
    except ValueError:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        return Findings((), 0, (), lines[-1])
    return _read(found)


def _read(found: list[dict[str, Any]]) -> Findings:
    known = tuple(
        f"{one['name']} {one['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'no version'}"
        for one in found
        for flaw in one.get("vulns", ())
    )
    unasked = tuple(one["name"] for one in found if "skip_reason" in one)
    return Findings(known, len(found) - len(unasked), unasked, "")


def main() -> int:
    requirements, *osv = sys.argv[1:]
    services = [("-s", "osv", "--osv-url", osv[0])] if osv else [("-s", "pypi"), ("-s", "osv")]
    for service in services:
        found = ask(requirements, *service)
        for line in found.known:
            print(line)
        if found.known:
            return 1
        if found.asked and not found.unasked:
            print(f"{found.asked} packages were looked up ({service[1]}): nothing is known of any.")
            return 0
        print(f"{service[1]}: {_why(found)}")
    print(f"Not audited: exit code {UNAVAILABLE}. Run this where one of these services is in reach.")
    return UNAVAILABLE


def _why(found: Findings) -> str:
    if found.said:
        return found.said
    names = ", ".join(found.unasked[:SHOWN]) + (", …" if len(found.unasked) > SHOWN else "")
    return f"{len(found.unasked)} of {found.asked + len(found.unasked)} packages could not be looked up: {names}"


if __name__ == "__main__":
    sys.exit(main())
