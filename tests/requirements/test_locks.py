"""The locks hold what setup.py asks for, every version of it, and nothing that needs a compiler."""

import importlib.metadata
import pathlib
import re
import sys
import tomllib
import types

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.test_packaging import ROOT, setup_arguments

FOLDER = ROOT / "requirements"

WHEELLESS = {
    "dill": "how Beam sends functions to its workers; Beam wants this version",
    "google-apitools": "how Beam reads and writes Google's storage",
    "kfp": "the compiler of Kubeflow pipelines, before 2.14; later ones have a wheel",
    "kfp-server-api": "a client of Kubeflow, made from its API's description; kfp imports it",
    "promise": "TensorFlow Datasets downloads with it",
    "rouge-score": "a metric of texts that TensorFlow Model Analysis names; not used here",
}
"""The packages without a wheel, and what brings them. Each is pure Python, so building it compiles nothing."""


def read_lines() -> dict[str, types.SimpleNamespace]:
    rows = [row.split() for row in (FOLDER / "lines.txt").read_text().splitlines() if not row.startswith("#")]
    return {
        name: types.SimpleNamespace(tfx=tfx, glibc=glibc, first=first, last=last, extras=extras)
        for name, tfx, glibc, first, last, *extras in rows
    }


LINES = read_lines()


def pythons(line: str) -> list[str]:
    first, last = (int(version.removeprefix("3.")) for version in (LINES[line].first, LINES[line].last))
    return [f"3.{minor}" for minor in range(first, last + 1)]


def pins(line: str, python: str) -> dict[str, str]:
    """Returns the versions that a lock gives to a Python, such as 3.12."""
    environment = {"python_version": python, "python_full_version": f"{python}.1"}
    found: dict[str, str] = {}
    for row in (FOLDER / f"{line}.txt").read_text().splitlines():
        if row.startswith("#"):
            continue
        requirement = Requirement(row)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            assert canonicalize_name(requirement.name) not in found, f"{requirement.name} has two versions"
            found[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


EACH_PYTHON = pytest.mark.parametrize(
    ("line", "python"), [(line, version) for line in LINES for version in pythons(line)]
)


@EACH_PYTHON
def test_a_lock_satisfies_the_requirements(monkeypatch, line, python) -> None:
    arguments, locked = setup_arguments(monkeypatch), pins(line, python)
    extras = arguments["extras_require"]
    wanted = [*arguments["install_requires"], *(text for name in LINES[line].extras for text in extras[name])]
    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate({"python_version": python}):
            assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement
    assert locked["tfx"].startswith(LINES[line].tfx + ".")
    left_out = extras.keys() - LINES[line].extras
    assert not [name for extra in left_out for name in map(canonicalize_name, extras[extra]) if name in locked]


def test_the_declared_pythons_are_those_of_the_lines(monkeypatch) -> None:
    declared = SpecifierSet(setup_arguments(monkeypatch)["python_requires"])
    covered = {version for line in LINES for version in pythons(line)}
    assert {f"3.{minor}" for minor in range(30) if declared.contains(f"3.{minor}.9")} == covered


@pytest.mark.parametrize("line", LINES)
def test_a_lock_pins_every_line_and_names_no_place(line) -> None:
    text = (FOLDER / f"{line}.txt").read_text()
    rows = [row for row in text.splitlines() if not row.startswith("#")]
    differs = r"( ; python_full_version (<|>=|==) '3\.\d+(\.\*)?')?"
    assert [row for row in rows if not re.fullmatch(r"[a-z0-9.-]+==[^\s/]+" + differs, row)] == []
    assert "://" not in text


def test_only_packages_named_here_may_be_built_from_source() -> None:
    rows = [row for row in (FOLDER / "sources.txt").read_text().splitlines() if not row.startswith("#")]
    assert rows == ["--only-binary :all:", *(f"--no-binary {name}" for name in WHEELLESS)]
    setup, lock = ((FOLDER / name).read_text() for name in ("setup.sh", "lock.sh"))
    assert "-r requirements/sources.txt -r" in lock and '-r "$root/requirements/sources.txt" -r' in setup


@EACH_PYTHON
def test_each_package_without_a_wheel_is_still_wanted(line, python) -> None:
    assert WHEELLESS.keys() <= pins(line, python).keys()


@pytest.mark.parametrize("name", WHEELLESS)
def test_a_package_without_a_wheel_is_pure_python(name) -> None:
    files = importlib.metadata.distribution(name).files
    assert files
    assert [file for file in files if pathlib.Path(file).suffix in {".so", ".pyd", ".c", ".cpp", ".pyx"}] == []
    assert "Root-Is-Purelib: true" in (importlib.metadata.distribution(name).read_text("WHEEL") or "")


def test_the_hashes_come_from_a_package_with_a_wheel() -> None:
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["override-dependencies"]
    (farmhash,) = map(Requirement, overrides)
    assert farmhash.name == "pyfarmhash" and not farmhash.specifier.contains("0.4.0")
    for line in LINES:
        assert farmhash.specifier.contains(pins(line, LINES[line].first)["pyfarmhash"])


def test_installed_versions_are_those_of_one_lock() -> None:
    tfx = importlib.metadata.version("tfx").rpartition(".")[0]
    (line,) = [name for name, its in LINES.items() if its.tfx == tfx]
    locked = pins(line, ".".join(map(str, sys.version_info[:2])))
    for name in (
        "tensorflow",
        "tf-keras",
        "tfx",
        "apache-beam",
        "numpy",
        "protobuf",
        "pyarrow",
        "pydantic",
        "pyfarmhash",
    ):
        assert importlib.metadata.version(name) == locked[name]
