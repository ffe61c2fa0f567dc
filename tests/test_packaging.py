import pathlib

import setuptools

ROOT = pathlib.Path(__file__).parents[1]
UNPACKAGED = {"tests", "benchmarks"}


def setup_arguments(monkeypatch) -> dict:
    given: dict = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: given.update(arguments))
    exec(compile((ROOT / "setup.py").read_text(), "setup.py", "exec"), {"__name__": "__main__"})
    return given


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


def test_command_exists(monkeypatch) -> None:
    entry = setup_arguments(monkeypatch)["entry_points"]["console_scripts"][0]
    assert entry == "dspnet = cli.main:main"


def test_the_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.lstrip().startswith("Apache License") and "END OF TERMS AND CONDITIONS" in text
