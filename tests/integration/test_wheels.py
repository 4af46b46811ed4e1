"""The wheels that `make wheels` builds, and what pip makes of the documented line where an index holds strangers'."""

import re
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.repository import DOCS, ROOT
from tests.support.wheels import (
    PACKAGES,
    Index,
    built,
    environment_at,
    packages_of,
    plain_environment,
    ran,
    served,
    uv_program,
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
    for name, version in third_parties():
        index.add(name, version)
    for name, wheel in wheels.items():
        index.add(name, "99.0")
        index.add(name, metadata_of(wheel)["Version"], "9")
    return index


def installed_in(environment: Path) -> set[str]:
    """The packages of ours that are there, each with what it came as."""
    packages = packages_of(environment)
    strangers = {each.stem.replace("_", "-") for each in packages.glob("from_the_index/waterclock*.py")}
    ours = {each.name.partition("-")[0].replace("_", "-") for each in packages.glob("waterclock*.dist-info")}
    return {f"{name} of a stranger" if name in strangers else name for name in ours}


def install_lines() -> list[str]:
    """Those of the page that says how to install."""
    return re.findall(r"^pip install .*waterclock.*$", (DOCS / "install.md").read_text(), re.MULTILINE)


def shell(line: str, *, folder: Path, environment: Path, url: str) -> None:
    env = plain_environment()
    env |= {"PATH": f"{environment / 'bin'}:{env['PATH']}", "PIP_INDEX_URL": f"{url}/simple"}
    ran("sh", "-ec", line, folder=folder, env=env)


def test_the_index_is_one_that_takes_in_who_asks_it(hostile_index: Index, tmp_path: Path) -> None:
    environment = environment_at(tmp_path / "venv")

    with served(hostile_index) as url:
        shell("pip install waterclock-dev", folder=tmp_path, environment=environment, url=url)

    assert installed_in(environment) == {"waterclock-dev of a stranger"}


@pytest.mark.parametrize("line", install_lines())
def test_a_documented_line_asks_the_index_for_no_package_of_ours(
    line: str, hostile_index: Index, wheels: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "waterclock").mkdir()
    (tmp_path / "waterclock" / "dist").symlink_to(wheels["waterclock"].parent)
    folder = tmp_path / "reports"
    environment = environment_at(folder / ".venv")

    with served(hostile_index) as url:
        shell(line, folder=folder, environment=environment, url=url)

    assert "click" in hostile_index.asked
    assert not hostile_index.asked & PACKAGES.keys()
    assert not [one for one in installed_in(environment) if one.endswith("of a stranger")]
    assert "waterclock" in installed_in(environment)
