"""Build the console from services/api/console into the API's package, where it is committed.

    python deploy/console/build.py            build it
    python deploy/console/build.py --check    build it beside, compare it byte by byte, and check types, style and tests

Beside what Vite builds lie `licenses.txt`, of the packages whose code is in it, and what only tests look at:
`sources.sha256`, the hash of what it was built from, by which one without Node sees that somebody has to build again,
and `reads.jsonl`, what it reads of the API, which one holds to the OpenAPI document. A flaw is a line; exit code 1.
"""

import hashlib
import json
import os
import re
import subprocess  # nosec B404 # npm, by argument list
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "services" / "api" / "console"
BUILT = ROOT / "services" / "api" / "src" / "waterclock_api" / "assets" / "console"
HASH, LICENSES, READS = "sources.sha256", "licenses.txt", "reads.jsonl"
ALLOWED = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "OFL-1.1"}
CHECKS = ("check", "lint", "test")  # scripts of package.json
_UNBUILT = re.compile(
    r"\.test\.ts$|^eslint\.config\.js$|^README\.md$|^\.(?!npmrc$)|~$"
)  # change nothing in what is built
_MODULE = re.compile(r"node_modules/((?:@[^/]+/)?[^/]+)/")
_OF_SVELTE = "https://svelte.dev/e/"
"""Before the name of an error; no address of another host is in what we ship."""
_TEXT = re.compile(r"licen[cs]e|copying", re.IGNORECASE)


class Flaw(Exception):
    """The console cannot be built, or is not what it should be."""


def sources(folder: Path) -> Iterator[Path]:
    """The files that make a build what it is, in order."""
    for one in sorted(folder.iterdir(), key=lambda path: path.name):
        if _UNBUILT.search(one.name):
            continue
        if one.is_dir():
            if one.name != "node_modules":
                yield from sources(one)
        else:
            yield one


def hash_of(folder: Path) -> str:
    """SHA-256 of the names and contents of the sources."""
    told = hashlib.sha256()
    for file in sources(folder):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        told.update(f"{content}  {file.relative_to(folder).as_posix()}\n".encode())
    return told.hexdigest()


def build(into: Path) -> None:
    """
    Raises:
        Flaw: what is built holds code under a licence that is not allowed, or without its text.
    """
    with tempfile.TemporaryDirectory() as mapped:
        npm("run", "build", "--", "--outDir", mapped, "--emptyOutDir", "--sourcemap", "--logLevel", "warn")
        packages = packages_in(Path(mapped))
    npm("run", "build", "--", "--outDir", str(into), "--emptyOutDir")
    for script in into.rglob("*.js"):
        script.write_text(script.read_text("utf-8").replace(_OF_SVELTE, "svelte: "), "utf-8")
    (into / LICENSES).write_text(licenses(packages), "utf-8")
    (into / READS).write_text(reads(), "utf-8")
    (into / HASH).write_text(hash_of(SOURCES) + "\n", "ascii")


def packages_in(built: Path) -> list[str]:
    """The packages with code in a build that has maps of its sources, and those that the console names itself."""
    named = json.loads((SOURCES / "package.json").read_text("utf-8")).get("dependencies", {})
    found = set[str](named)
    for file in built.rglob("*.map"):
        for source in json.loads(file.read_text("utf-8"))["sources"]:
            found.update(_MODULE.findall(source)[-1:])
    return sorted(found)


def licenses(packages: list[str]) -> str:
    """The licence of each package, with its text.

    Raises:
        Flaw: one is not allowed, or has no text.
    """
    parts = ["The console of Waterclock contains code of these packages.\n"]
    for name in packages:
        folder = SOURCES / "node_modules" / name
        about = json.loads((folder / "package.json").read_text("utf-8"))
        license_of, texts = about.get("license"), sorted(one for one in folder.iterdir() if _TEXT.search(one.name))
        if license_of not in ALLOWED:
            raise Flaw(f"{name}: the licence {license_of!r} is not one of {', '.join(sorted(ALLOWED))}")
        if not texts:
            raise Flaw(f"{name}: there is no text of its licence {license_of}")
        text = "\n".join(one.read_text("utf-8").strip() for one in texts)
        parts.append(f"{name} {about['version']} ({license_of})\n\n{text}\n")
    return f"\n{'-' * 80}\n\n".join(parts)


def differences(ours: Path, theirs: Path) -> Iterator[str]:
    """Files that are in one of two folders alone, or not the same in both."""
    here, there = _contents(ours), _contents(theirs)
    for name in sorted(here.keys() | there.keys()):
        if name not in there:
            yield f"{name} is built no more"
        elif name not in here:
            yield f"{name} is not there"
        elif here[name] != there[name]:
            yield f"{name} is not what is built"


def _contents(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def reads() -> str:
    """
    Raises:
        Flaw: what the console reads of the API cannot be told.
    """
    return node("node", "reads.js", capture=True)


def npm(*words: str) -> None:
    """
    Raises:
        Flaw: it does not end well; what it says is said.
    """
    node("npm", *words)


def node(program: str, *words: str, capture: bool = False) -> str:
    """What a program of Node writes; nothing, if it is not captured.

    Raises:
        Flaw: it does not end well; what it says is said.
    """
    beside = Path(sys.executable).parent
    path = f"{beside}{os.pathsep}{os.environ['PATH']}"  # npm looks for Node there
    if not (beside / program).exists():
        raise Flaw(f"{program} is not in the environment: use `make console`, or `uv sync --group node`")
    done = subprocess.run(  # nosec B603 # no shell
        [beside / program, *words],
        cwd=SOURCES,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE if capture else None,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise Flaw(f"{program} {' '.join(words[:2])}: exit code {done.returncode}")
    return done.stdout or ""


def check() -> list[str]:
    """
    Raises:
        Flaw: it cannot be built, or fails a check.
    """
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        flaws = [f"{BUILT.relative_to(ROOT)}: {one}: run `make console`" for one in differences(BUILT, Path(folder))]
    for script in CHECKS:
        npm("run", script)
    return flaws


def main() -> int:
    try:
        npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
        if sys.argv[1:] == ["--check"]:
            flaws = check()
        else:
            flaws = list[str]()
            build(BUILT)
    except Flaw as flaw:
        flaws = [str(flaw)]
    for flaw in flaws:
        print(flaw, file=sys.stderr)
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
