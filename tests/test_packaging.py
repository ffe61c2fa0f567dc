import importlib.metadata
import pathlib
import re

import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).parents[1]
UNPACKAGED = {"tests", "benchmarks"}


def setup_arguments(monkeypatch) -> dict:
    given: dict = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: given.update(arguments))
    exec(compile((ROOT / "setup.py").read_text(), "setup.py", "exec"), {"__name__": "__main__"})
    return given


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def test_every_package_folder_is_packaged(monkeypatch) -> None:
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("[a-z]*/**/__init__.py")}
    expected = {".".join(folder.parts) for folder in folders if folder.parts[0] not in UNPACKAGED}
    assert set(setup_arguments(monkeypatch)["packages"]) == expected


def test_every_python_folder_is_a_package() -> None:
    files = {path for top in ROOT.iterdir() if (top / "__init__.py").exists() for path in top.rglob("*.py")}
    assert not [path for path in files if not (path.parent / "__init__.py").exists()]


def test_every_file_that_is_no_python_is_packaged(monkeypatch) -> None:
    arguments = setup_arguments(monkeypatch)
    packages = [ROOT.joinpath(*name.split(".")) for name in arguments["packages"]]
    packaged = {
        path
        for name, patterns in arguments["package_data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*name.split(".")).glob(pattern)
    }
    others = {
        path
        for package in packages
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert ROOT / "schemas" / "sequence_examples.pbtxt" in others
    assert others == {path for path in packaged if path.is_file()}


def test_the_lock_satisfies_the_requirements(monkeypatch) -> None:
    arguments, locked = setup_arguments(monkeypatch), pins()
    wanted = [
        *arguments["install_requires"],
        *(line for extra in arguments["extras_require"].values() for line in extra),
    ]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_the_lock_pins_every_line_and_names_no_place() -> None:
    text = (ROOT / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==\S+", line) for line in lines)
    assert "/" not in "".join(lines) and "://" not in text


def test_installed_versions_are_the_locked_ones() -> None:
    for name in ("tensorflow", "tfx", "apache-beam", "pydantic"):
        assert importlib.metadata.version(name) == pins()[name]


def test_command_exists(monkeypatch) -> None:
    entry = setup_arguments(monkeypatch)["entry_points"]["console_scripts"][0]
    assert entry == "dspnet = cli.main:main"


def test_the_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.lstrip().startswith("Apache License") and "END OF TERMS AND CONDITIONS" in text
