"""The wheels that `make wheels` builds, and what pip makes of the documented line where an index holds strangers'."""

import json
import re
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.pages import blocks, pages
from tests.support.repository import ROOT
from tests.support.wheels import (
    PACKAGES,
    Index,
    built,
    environment_at,
    plain_environment,
    ran,
    served,
    uv_program,
    wheel_of,
)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return built(tmp_path_factory.mktemp("dist"))


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        return BytesParser().parsebytes(archive.read(name))


def test_there_is_a_wheel_of_each_package(wheels: dict[str, Path]) -> None:
    assert wheels.keys() == PACKAGES.keys()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_wheel_brings_its_licence_and_says_what_it_is(name: str, wheels: dict[str, Path]) -> None:
    told = metadata_of(wheels[name])
    with zipfile.ZipFile(wheels[name]) as archive:
        licences = [archive.read(each) for each in archive.namelist() if each.endswith(".dist-info/licenses/LICENSE")]

    assert licences == [(ROOT / "LICENSE").read_bytes()]
    assert (told["License-Expression"], told["License-File"]) == ("Apache-2.0", "LICENSE")
    assert told["Author"] == "The Waterclock maintainers"
    assert told["Description-Content-Type"] == "text/markdown"
    assert str(told.get_payload()).startswith(f"# {name}\n")
    assert {"Typing :: Typed", "Programming Language :: Python :: 3.14"} <= set(told.get_all("Classifier", []))
    siblings = [one for one in map(Requirement, told.get_all("Requires-Dist", [])) if one.name in PACKAGES]
    assert {str(one.specifier) for one in siblings} <= {f"=={told['Version']}"}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_wheel_holds_the_package_whole_and_nothing_beside_it(name: str, wheels: dict[str, Path]) -> None:
    source = ROOT / PACKAGES[name] / "src"
    there = {
        str(one.relative_to(source)) for one in source.rglob("*") if one.is_file() and "__pycache__" not in str(one)
    }
    with zipfile.ZipFile(wheels[name]) as archive:
        held = {each for each in archive.namelist() if not each.endswith("/") and ".dist-info/" not in each}

    assert held == there


def third_parties() -> Iterator[tuple[str, str]]:
    """Name and version of each, as the lock has it for this interpreter."""
    words = ("export", "--frozen", "--offline", "--no-dev", "--all-packages", "--all-extras")
    said = ran(uv_program(), *words, "--no-emit-workspace", "--no-hashes", "--no-annotate", "--no-header")
    for line in said.splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            (version,) = requirement.specifier
            yield requirement.name, version.version


@pytest.fixture
def hostile_index(wheels: dict[str, Path]) -> Index:
    """Holds third parties' packages, and of each name of ours a newer one, and one of the very version."""
    index = Index()
    index.add("pytest", "9.0")
    for name, version in third_parties():
        index.add(name, version)
    for name, wheel in wheels.items():
        index.add(name, "99.0")
        index.add(name, metadata_of(wheel)["Version"], "9")
    return index


@pytest.fixture
def folder(wheels: dict[str, Path], tmp_path: Path) -> Path:
    """A project beside a clone, whose `dist` it has too, with a package of its own that needs ours."""
    dist = tmp_path / "waterclock" / "dist"
    dist.mkdir(parents=True)
    for wheel in wheels.values():
        (dist / wheel.name).symlink_to(wheel)
    name, content = wheel_of("shop-jobs", "1.0.0", needs="waterclock==0.1.*")
    (dist / name).write_bytes(content)
    environment_at(tmp_path / "reports" / ".venv")
    (tmp_path / "reports" / "dist").symlink_to(dist)
    return tmp_path / "reports"


def resolved(line: str, folder: Path, index: Index) -> dict[str, str]:
    """What pip would install by a line, and where from."""
    env = plain_environment()
    with served(index) as url:
        env |= {"PATH": f"{folder / '.venv' / 'bin'}:{env['PATH']}", "PIP_INDEX_URL": f"{url}/simple"}
        env |= {"PIP_DRY_RUN": "1", "PIP_REPORT": str(folder / "report.json")}
        ran("sh", "-ec", line, folder=folder, env=env)
    told = json.loads((folder / "report.json").read_text())["install"]
    return {one["metadata"]["name"]: one["download_info"]["url"] for one in told}


def install_lines() -> list[str]:
    """Those of all pages, by whichever `pip`."""
    found = [
        line
        for page in pages()
        for block in blocks(page)
        for line in re.findall(r"^(?:\S+/)?pip (install .*waterclock.*)$", block.text.replace("\\\n", ""), re.MULTILINE)
    ]
    return [f"pip {line}" for line in dict.fromkeys(found)]


def test_the_index_is_one_that_takes_in_who_asks_it(hostile_index: Index, folder: Path) -> None:
    found = resolved("pip install waterclock-dev", folder, hostile_index)

    assert re.fullmatch(r"http://127.0.0.1:\d+/.*/waterclock_dev-99.0-py3-none-any.whl", found["waterclock-dev"])


@pytest.mark.parametrize("line", install_lines())
def test_a_documented_line_asks_the_index_for_no_package_of_ours(line: str, hostile_index: Index, folder: Path) -> None:
    found = resolved(line, folder, hostile_index)
    ours = {name: url for name, url in found.items() if name in {*PACKAGES, "shop-jobs"}}

    assert "waterclock" in ours
    assert not [url for url in ours.values() if not url.startswith("file://")]
    assert "click" in hostile_index.asked
    assert not hostile_index.asked & PACKAGES.keys()
