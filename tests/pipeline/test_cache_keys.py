import ast
import os
import pathlib
import re
from collections.abc import Iterator

import pytest

from components.report.config import ItemNamesConfig
from components.sequence_example_gen.config import SourceConfig
from pipeline.cache_keys import (
    SOURCES,
    compute_digest,
    compute_source_digests,
    fingerprint_item_names,
    fingerprint_log,
    fingerprint_salt,
)
from schemas.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]


def test_every_source_exists() -> None:
    assert all((ROOT / source).exists() for sources in SOURCES.values() for source in sources)
    assert len(set(compute_source_digests().values())) == len(SOURCES)


@pytest.mark.parametrize("component", sorted(SOURCES))
def test_the_digest_covers_all_that_the_step_imports(component: str) -> None:
    start = {"Trainer": "model.trainer"}.get(component) or _find_executor(component)
    covered = [ROOT / source for source in SOURCES[component]]
    missed = {path for path in _find_imported(start) if not any(path.is_relative_to(source) for source in covered)}
    # A package says nothing that its step could depend on.
    assert {str(path.relative_to(ROOT)) for path in missed if path.name != "__init__.py"} == set()


def _find_executor(component: str) -> str:
    """Returns the module of a component's executor, from the call of the class in `pipeline.pipeline`."""
    for node in ast.walk(ast.parse((ROOT / "pipeline" / "pipeline.py").read_text())):
        if isinstance(node, ast.ImportFrom) and any(name.name == component for name in node.names):
            assert node.module is not None
            return node.module.replace(".component", ".executor")
    raise LookupError(component)


def _find_imported(start: str) -> set[pathlib.Path]:
    """Returns the files of this project that a module imports, directly or not, and those that it names in a text."""
    found: set[pathlib.Path] = set()
    names = [start]
    while names:
        path = _find_module(names.pop())
        if path is not None and path not in found:
            found.add(path)
            names += _list_names(path)
    return found


def _find_module(name: str) -> pathlib.Path | None:
    place = ROOT.joinpath(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _list_names(path: pathlib.Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            yield from (node.module, *(f"{node.module}.{name.name}" for name in node.names))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            module = node.value.partition(":")[0]  # as in the list of methods: "model.baselines.carca:CARCANetwork"
            if re.fullmatch(r"\w+(\.\w+)+", module):
                yield module


def test_digest_changes_with_code_and_only_then(tmp_path: pathlib.Path) -> None:
    (tmp_path / "model").mkdir()
    code = tmp_path / "model" / "a.py"
    code.write_text("1")
    first = compute_digest(tmp_path, ("model",))
    (tmp_path / "model" / "a.pyc").write_text("compiled")
    os.utime(code, (1, 1))
    assert compute_digest(tmp_path, ("model",)) == first
    code.write_text("2")
    second = compute_digest(tmp_path, ("model",))
    code.rename(code.with_name("b.py"))
    assert len({first, second, compute_digest(tmp_path, ("model",))}) == 3


@pytest.mark.parametrize("name", ["page.html.j2", "page.css", "schema.pbtxt"])
def test_digest_changes_with_what_code_reads(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "report" / "templates").mkdir(parents=True)
    empty = compute_digest(tmp_path, ("report",))
    (tmp_path / "report" / "templates" / name).write_text("1")
    assert compute_digest(tmp_path, ("report",)) != empty


def test_fingerprint_changes_with_files_not_with_spelling(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    os.utime(tmp_path / "a.csv", (1, 1))
    fingerprints = [fingerprint_log(SourceConfig(path=f"{tmp_path}{end}")) for end in ("", "/", "/*.csv", "/a.csv")]
    assert len(set(fingerprints)) == 1
    os.utime(tmp_path / "a.csv", (2, 2))
    touched = fingerprint_log(SourceConfig(path=str(tmp_path)))
    (tmp_path / "b.csv").write_text("1")
    assert len({fingerprints[0], touched, fingerprint_log(SourceConfig(path=str(tmp_path)))}) == 3


def test_missing_log_is_an_error_of_the_configuration(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="source.path .*nothing"):
        fingerprint_log(SourceConfig(path=str(tmp_path / "nothing.csv")))


def test_tfds_needs_no_files() -> None:
    assert fingerprint_log(SourceConfig(path="movielens", format="tfds")) == ""


def test_fingerprint_of_item_names(tmp_path: pathlib.Path) -> None:
    table = tmp_path / "items.csv"
    table.write_text("item_id,name\n1,milk\n")
    os.utime(table, (1, 1))
    first = fingerprint_item_names(ItemNamesConfig(path=str(table)))
    assert first == fingerprint_item_names(ItemNamesConfig(path=str(table))) != ""
    os.utime(table, (2, 2))
    assert fingerprint_item_names(ItemNamesConfig(path=str(table))) != first
    assert fingerprint_item_names(ItemNamesConfig()) == ""


def test_item_names_that_cannot_be_used_are_an_error_of_the_configuration(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="report.items.path: .*nothing.csv cannot be read"):
        fingerprint_item_names(ItemNamesConfig(path=str(tmp_path / "nothing.csv")))
    (tmp_path / "items.csv").write_text("sku,name\n1,milk\n")
    with pytest.raises(UserError, match="report.items.id: .* has no column 'item_id'; it has: sku, name"):
        fingerprint_item_names(ItemNamesConfig(path=str(tmp_path / "items.csv")))


def test_fingerprint_changes_with_the_salt_and_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for salt in ("the first salt of all", "the other salt of all"):
        monkeypatch.setenv("DSPNET_SALT", salt)
        found[salt] = fingerprint_salt(demo=False)
        assert found[salt] == fingerprint_salt(demo=True) != salt
    monkeypatch.delenv("DSPNET_SALT")
    assert len({*found.values(), fingerprint_salt(demo=True)}) == 3
    with pytest.raises(UserError, match="DSPNET_SALT is missing"):
        fingerprint_salt(demo=False)
