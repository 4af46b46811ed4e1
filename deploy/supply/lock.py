"""What `uv.lock` must say to be believed, and whether the environment is as its packages left it.

    python deploy/supply/lock.py [LOCK]            the lock alone
    python deploy/supply/lock.py --environment     and every file that is installed, by the hash in its RECORD

uv compares each file that it downloads with its hash in the lock, and refuses another. What it does not refuse is a
lock that names another source, or an artifact without a hash: that is looked for here. A flaw is a line; exit code 1.
"""

import base64
import hashlib
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
INDEX = "https://pypi.org/simple"
FILES = "files.pythonhosted.org"
HASH = re.compile(r"sha256:[0-9a-f]{64}")


def flaws_of_lock(lock: dict[str, Any], members: dict[str, str]) -> Iterator[str]:
    """`members` are the workspace's own packages with the folder of each."""
    if found := set(lock.get("manifest", {}).get("members", [])) ^ members.keys():
        yield f"the lock and the workspace differ in the members {', '.join(sorted(found))}"
    for package in lock["package"]:
        name, source = package["name"], package["source"]
        if name in members:
            folder = source.get("editable", source.get("virtual"))
            if len(source) != 1 or folder != members[name]:
                yield f"{name}: is ours, in {members[name]}, and the lock has it from {source}"
        elif source != {"registry": INDEX}:
            yield f"{name}: comes from {source}, not from the index"
        else:
            yield from _flaws_of_artifacts(name, package)


def _flaws_of_artifacts(name: str, package: dict[str, Any]) -> Iterator[str]:
    source = [package["sdist"]] if "sdist" in package else []
    artifacts = [*source, *package.get("wheels", [])]
    if not artifacts:
        yield f"{name}: there is nothing to install"
    for artifact in artifacts:
        url = urlsplit(str(artifact.get("url", "")))
        file = Path(url.path).name
        if (url.scheme, url.netloc) != ("https", FILES):
            yield f"{name}: {artifact.get('url')} is not of {FILES}"
        if not _plain(file).startswith(f"{_plain(name)}-{_plain(package['version'])}"):
            yield f"{name}: {file} is not of {name} {package['version']}"
        if not HASH.fullmatch(artifact.get("hash", "")):
            yield f"{name}: {file} has no SHA-256 but {artifact.get('hash')!r}"


def flaws_of_environment(found: Iterable[Distribution]) -> Iterator[str]:
    """Installed files that are not what their package brought, by its RECORD; two at a time."""
    with ThreadPoolExecutor(2) as threads:
        for flaws in threads.map(_flaws_of_files, found):
            yield from flaws


def _flaws_of_files(package: Distribution) -> list[str]:
    flaws: list[str] = []
    for file in package.files or ():
        if file.hash is None:
            continue
        try:
            content = Path(str(package.locate_file(file))).read_bytes()
        except OSError as error:
            flaws.append(f"{package.name}: {file}: {error.strerror}")
            continue
        digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest()).rstrip(b"=").decode()
        if digest != file.hash.value:
            flaws.append(f"{package.name}: {file} was changed after it was installed")
    return flaws


def members_of(workspace: Path) -> dict[str, str]:
    """Names of the workspace's packages, and their folders as a lock spells them."""
    own = tomllib.loads((workspace / "pyproject.toml").read_text("utf-8"))
    found = {own["project"]["name"]: "."}
    for pattern in own["tool"]["uv"]["workspace"]["members"]:
        for manifest in workspace.glob(f"{pattern}/pyproject.toml"):
            name = tomllib.loads(manifest.read_text("utf-8"))["project"]["name"]
            found[name] = manifest.parent.relative_to(workspace).as_posix()
    return found


def _plain(name: str) -> str:
    """As PEP 503 has it; versions too."""
    return re.sub(r"[-_.+]+", "-", name).lower()


def main() -> int:
    arguments = [each for each in sys.argv[1:] if each != "--environment"]
    path = Path(arguments[0]) if arguments else ROOT / "uv.lock"
    lock = tomllib.loads(path.read_text("utf-8"))
    flaws = list(flaws_of_lock(lock, members_of(ROOT)))
    if "--environment" in sys.argv:
        flaws += flaws_of_environment(distributions())
    for flaw in flaws:
        print(flaw)
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
