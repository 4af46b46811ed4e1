"""Build the site of docs/ into build/site/: `make docs`.

Each minor version has a folder of its own that keeps its address (`/0.1/`), `versions.json` lists those that are there,
and the page at the root leads to the latest. Links and anchors are checked by the builder (`--strict`); generated parts
must be up to date; what is built loads nothing from another host.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess  # nosec B404 # our own builder, by argument list
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site"
CONFIGURATION = ROOT / "zensical.toml"
VERSION = ".".join(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"].split(".")[:2])
# The theme loads these only where a page asks for a feature of which we have none, or has its own of already.
UNUSED = re.compile(rb"https://(?:unpkg\.com|cdn\.jsdelivr\.net|api\.github\.com)[\w./@-]*")
LOADS = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\ssrc=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|icon|preload|preconnect|dns-prefetch|modulepreload))[^>]*?\shref=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|(?:url\(|@import)\s*["']?(?:https?:)?//[^"')\s]+"""
    r"""|(?:fetch|import|importScripts|Worker)\(\s*["'`](?:https?:)?//[^"'`]+"""
)
ENTRY = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Waterclock</title>
<meta http-equiv="refresh" content="0; url=latest/">
<p><a href="latest/">Documentation of Waterclock</a></p>
"""


def build() -> Path:
    """The folder of this version, built anew."""
    folder = SITE / VERSION
    if tomllib.loads(CONFIGURATION.read_text("utf-8"))["project"]["site_dir"] != str(folder.relative_to(ROOT)):
        sys.exit(f"zensical.toml: site_dir must be {folder.relative_to(ROOT)}")
    words = ["zensical", "build", "--strict", "--clean", "--config-file", str(CONFIGURATION)]
    done = subprocess.run(  # nosec B603 # our words, no shell
        words, cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        print(re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr).partition("Traceback")[0])
        sys.exit("The site was not built: mend the links above.")
    for file in folder.rglob("*.js"):
        text = file.read_bytes()
        if (own := UNUSED.sub(b"about:blank", text)) != text:
            file.write_bytes(own)
    return folder


def foreign(folder: Path) -> Iterator[str]:
    """What a page, a style or a script of the site would load from another host."""
    for file in sorted(folder.rglob("*")):
        if file.suffix in {".html", ".css", ".js", ".svg"}:
            for found in LOADS.findall(file.read_text("utf-8")):
                yield f"{file.relative_to(folder)} loads {found[-120:]}"


def publish(folder: Path) -> None:
    """Give the version its place beside others that are there."""
    versions = sorted((one.name for one in SITE.iterdir() if re.fullmatch(r"\d+\.\d+", one.name)), key=_number)
    latest = SITE / "latest"
    shutil.rmtree(latest, ignore_errors=True)
    shutil.copytree(SITE / versions[-1], latest)
    aliases = {versions[-1]: ["latest"]}
    listed = [{"version": one, "title": one, "aliases": aliases.get(one, [])} for one in reversed(versions)]
    (SITE / "versions.json").write_text(json.dumps(listed, indent=2) + "\n", "utf-8")
    (SITE / "index.html").write_text(ENTRY, "utf-8")
    print(
        f"{len(list(folder.rglob('*.html')))} pages in {folder.relative_to(ROOT)}, the site is {SITE.relative_to(ROOT)}"
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def main(*options: str) -> None:
    """`--unchecked`: generated parts are taken as they lie."""
    if "--unchecked" not in options:
        check()
    folder = build()
    if found := list(foreign(folder)):
        sys.exit("\n".join(["The site would load from other hosts:", *found]))
    publish(folder)


def check() -> None:
    subprocess.run([sys.executable, str(ROOT / "deploy" / "docs" / "generate.py"), "--check"], check=True)  # nosec B603 # the same


if __name__ == "__main__":
    main(*sys.argv[1:])
