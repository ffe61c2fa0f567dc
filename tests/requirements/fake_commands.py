"""Stands in for `uv` and for Pythons of any version, as far as `requirements/setup.sh` asks them.

It is run as a script under the name of a command. A Python lies beside a file of its name and the ending `.version`.
What a uv was asked is written into the file that the environment names as ASKED; FETCHED is the version that it can
fetch from afar, if any.
"""

import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(sys.argv[0])


def install(version: str, path: pathlib.Path) -> None:
    """Puts a Python of a version at a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE, path)
    path.with_name(path.name + ".version").write_text(version)


def run_python(arguments: list[str]) -> None:
    version = HERE.with_name(HERE.name + ".version").read_text()
    if version == "broken":
        sys.exit(127)
    if arguments[0] == "-c":
        print(f"Python {version} ({HERE})" if "platform" in arguments[1] else version)
    elif arguments[:2] == ["-m", "venv"]:
        if os.environ.get("WITHOUT_VENV"):
            sys.exit("No module named ensurepip")
        install(version, pathlib.Path(arguments[2], "bin", "python"))
    elif arguments[:3] == ["-m", "pip", "install"]:
        shutil.copy(HERE, HERE.with_name("uv"))


def run_uv(arguments: list[str]) -> None:
    with open(os.environ["ASKED"], "a") as asked:
        print(*arguments, file=asked)
    if arguments[:2] == ["python", "find"]:
        least, end = (int(bound.split("3.")[1]) for bound in arguments[-1].split(","))
        for folder in os.environ["PATH"].split(":"):
            for python in sorted(pathlib.Path(folder).glob("python3*.version")):
                if python.read_text() != "broken" and least <= int(python.read_text().split(".")[1]) < end:
                    print(python.with_suffix("") if python.suffix == ".version" else python)
                    return
        sys.exit(1)
    if arguments[0] == "venv":
        python, folder = arguments[-2:]
        if python.startswith(">="):
            version = os.environ.get("FETCHED") or sys.exit("error: failed to download")
        else:
            version = pathlib.Path(shutil.which(python) + ".version").read_text()
        install(version, pathlib.Path(folder, "bin", "python"))
    if arguments[:2] == ["pip", "install"] and arguments[-1].startswith("uv=="):
        shutil.copy(HERE, pathlib.Path(arguments[arguments.index("--python") + 1]).with_name("uv"))


if __name__ == "__main__":
    (run_uv if HERE.name == "uv" else run_python)(sys.argv[1:])
