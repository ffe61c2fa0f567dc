"""`make setup` picks the line of packages and the Python that fit the machine, on machines of all kinds."""

import pathlib
import shutil
import subprocess
import sys
import types

import pytest

from tests.requirements import fake_commands
from tests.test_packaging import ROOT

TOOLS = ("cat", "dirname", "mktemp", "rm", "sort", "tail")


@pytest.fixture
def machine(tmp_path):
    """A machine that has nothing but what a test puts on it; its project is set up by `setup`."""
    commands, project, asked = tmp_path / "bin", tmp_path / "project", tmp_path / "asked"
    commands.mkdir()
    shutil.copytree(ROOT / "requirements", project / "requirements")
    for tool in TOOLS:
        (commands / tool).symlink_to(shutil.which(tool))

    def put(name: str, text: str) -> pathlib.Path:
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
        return commands / name

    def put_uv() -> None:
        source = pathlib.Path(fake_commands.__file__).read_text()
        put("uv", f"#!{sys.executable} -IS\n{source}")

    def put_python(name: str, version: str) -> pathlib.Path:
        source = pathlib.Path(fake_commands.__file__).read_text()
        (commands / f"{name}.version").write_text(version)
        return put(name, f"#!{sys.executable} -IS\n{source}")

    def setup(*arguments: str, glibc: str | None = "2.41", kind: str = "x86_64", **environment: str):
        put("uname", f"#!/bin/sh\n[ $1 = -s ] && echo Linux || echo {kind}\n")
        put("getconf", f"#!/bin/sh\necho glibc {glibc}\n" if glibc else "#!/bin/sh\nexit 1\n")
        asked.write_text("")
        ended = subprocess.run(
            ["/bin/sh", str(project / "requirements" / "setup.sh"), *arguments],
            env={"PATH": str(commands), "ASKED": str(asked), "TMPDIR": str(tmp_path), **environment},
            capture_output=True,
            text=True,
        )
        return types.SimpleNamespace(
            code=ended.returncode, said=ended.stdout, error=ended.stderr, asked=asked.read_text()
        )

    return types.SimpleNamespace(uv=put_uv, python=put_python, setup=setup, project=project, commands=commands)


@pytest.mark.parametrize(
    ("glibc", "version", "line"),
    [
        ("2.41", "3.13", "modern"),
        ("2.39", "3.12", "modern"),
        ("2.100", "3.11", "modern"),
        ("2.38", "3.11", "older"),
        ("2.28", "3.11", "older"),
    ],
)
@pytest.mark.parametrize("has_uv", [True, False])
def test_a_python_that_is_here_and_fits_is_taken(machine, glibc, version, line, has_uv):
    python = machine.python("python3", version)
    if has_uv:
        machine.uv()
    found = machine.setup(glibc=glibc)
    assert found.code == 0, found.error
    assert found.said.startswith(f"Taking the {line} line of packages, TFX ")
    assert f"for glibc {glibc}, on Python {version} (" in found.said and "found here\n" in found.said
    assert f"venv --quiet --python {python} {machine.project / '.venv'}\n" in found.asked
    installed = f"-r {machine.project}/requirements/sources.txt -r {machine.project}/requirements/{line}.txt\n"
    assert found.asked.count(installed) == 1 and "-e " in found.asked.splitlines()[-1]


@pytest.mark.parametrize("too", ["3.14", "3.10", "3.6"])
def test_the_first_python_need_not_be_the_one_that_fits(machine, too):
    machine.python("python3", too)
    fitting = machine.python("python3.12", "3.12")
    found = machine.setup()
    assert found.code == 0 and f"--python {fitting} " in found.asked and "found here" in found.said


@pytest.mark.parametrize(("glibc", "version", "line"), [("2.41", "3.14", "modern"), ("2.36", "3.13", "older")])
def test_where_none_fits_uv_fetches_one(machine, glibc, version, line):
    machine.python("python3", version)
    wanted = {"modern": ">=3.11,<3.14", "older": ">=3.11,<3.12"}[line]
    found = machine.setup(glibc=glibc, FETCHED="3.11")
    assert found.code == 0, found.error
    assert f"the {line} line" in found.said and "on Python 3.11 (" in found.said and "fetched by uv\n" in found.said
    assert f"venv --quiet --python {wanted} " in found.asked


def test_uv_alone_is_enough(machine):
    machine.uv()
    found = machine.setup(FETCHED="3.13")
    assert found.code == 0 and "on Python 3.13 (" in found.said and "fetched by uv\n" in found.said


def test_a_python_that_does_not_run_is_passed_over(machine):
    machine.python("python3", "broken")
    fitting = machine.python("python3.13", "3.13")
    found = machine.setup()
    assert found.code == 0 and f"--python {fitting} " in found.asked


def test_a_machine_where_nothing_can_be_fetched_hears_what_to_do(machine):
    machine.python("python3", "3.14")
    found = machine.setup()
    assert found.code == 1 and "failed to download" in found.error
    assert "No Python 3.11 to 3.13 is here, and uv could not fetch one" in found.error
    assert "make setup PYTHON=" in found.error


@pytest.mark.parametrize("has_python", [True, False])
def test_a_machine_that_cannot_get_uv_hears_what_to_do(machine, has_python):
    if has_python:
        machine.python("python3", "3.13")
    found = machine.setup(WITHOUT_VENV="1")
    assert found.code == 1 and "neither uv nor a Python that can install it" in found.error
    assert "python3-venv" in found.error


def test_a_named_python_is_taken_before_others(machine):
    machine.python("python3", "3.13")
    machine.python("python3.11", "3.11")
    found = machine.setup("python3.11")
    assert found.code == 0 and "on Python 3.11 (" in found.said and ", named\n" in found.said


@pytest.mark.parametrize(
    ("glibc", "version", "message"),
    [
        ("2.36", "3.13", r"needs Python 3.11 here (glibc 2.36), but python3 is 3.13."),
        ("2.41", "3.14", r"needs Python 3.11 to 3.13 here (glibc 2.41), but python3 is 3.14."),
        ("2.41", "broken", r"but python3 is no Python that runs."),
    ],
)
def test_a_named_python_that_does_not_fit_is_refused(machine, glibc, version, message):
    machine.python("python3", version)
    found = machine.setup("python3", glibc=glibc)
    assert found.code == 1 and message in found.error and not found.asked


@pytest.mark.parametrize(
    ("glibc", "kind", "message"),
    [
        ("2.27", "x86_64", "needs glibc 2.28 or later, found 2.27."),
        (None, "x86_64", "needs glibc 2.28 or later, found another C library."),
        ("2.41", "aarch64", "needs Linux on x86_64: TFX has no packages for Linux aarch64."),
    ],
)
def test_a_machine_without_packages_is_refused(machine, glibc, kind, message):
    machine.python("python3", "3.11")
    found = machine.setup(glibc=glibc, kind=kind)
    assert found.code == 1 and message in found.error and not found.asked


def test_what_is_set_up_already_is_kept(machine):
    machine.python("python3", "3.12")
    machine.setup()
    again = machine.setup()
    assert again.code == 0 and "in .venv already\n" in again.said and "venv --quiet" not in again.asked


def test_an_environment_on_a_python_that_no_longer_fits_is_made_anew(machine):
    machine.python("python3.13", "3.13")
    machine.setup(glibc="2.41")
    machine.python("python3.11", "3.11")
    again = machine.setup(glibc="2.36")
    assert again.code == 0 and "older line" in again.said and "on Python 3.11 (" in again.said


def test_nothing_is_left_in_the_temporary_folder(machine):
    machine.python("python3", "3.14")
    machine.setup()
    assert not list(machine.project.parent.glob("tmp.*"))
