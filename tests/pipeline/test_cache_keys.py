import os
import pathlib

import pytest

from components.report.config import ItemNamesConfig
from components.sequence_example_gen.config import SourceConfig
from pipeline.cache_keys import SOURCES, compute_digest, compute_source_digests, fingerprint_item_names, fingerprint_log
from schemas.errors import UserError


def test_every_source_exists() -> None:
    root = pathlib.Path(__file__).parents[2]
    assert all((root / source).exists() for sources in SOURCES.values() for source in sources)
    assert len(set(compute_source_digests().values())) == len(SOURCES)


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
