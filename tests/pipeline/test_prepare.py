import pathlib
import sys
import types

import pytest

from pipeline.config import parse_config
from pipeline.prepare import prepare_if_missing, prepare_names_if_missing


def test_public_data_are_prepared_once(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    written = []
    fake = types.SimpleNamespace(prepare=lambda out_path: written.append(pathlib.Path(out_path).write_text("log")))
    monkeypatch.setitem(sys.modules, "public_data.complete_journey", fake)
    source = {"path": str(tmp_path / "data" / "log.parquet"), "public_dataset": "complete_journey"}
    source = parse_config({"name": "log", "source": source, "windows": {"cutoffs": ["2024-08-01"]}}, "test").source
    prepare_if_missing(source)
    prepare_if_missing(source)
    assert len(written) == 1


def test_item_names_are_prepared_once_also_beside_an_older_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    written = []
    fake = types.SimpleNamespace(prepare_items=lambda out_path: written.append(pathlib.Path(out_path).write_text("x")))
    monkeypatch.setitem(sys.modules, "public_data.complete_journey", fake)
    (tmp_path / "log.parquet").write_text("log")
    values = {
        "name": "log",
        "source": {"path": str(tmp_path / "log.parquet"), "public_dataset": "complete_journey"},
        "windows": {"cutoffs": ["2024-08-01"]},
        "report": {"items": {"path": str(tmp_path / "new" / "items.parquet")}},
    }
    config = parse_config(values, "test")
    prepare_names_if_missing(config.source, config.report.items)
    prepare_names_if_missing(config.source, config.report.items)
    assert len(written) == 1 and (tmp_path / "new" / "items.parquet").exists()
    own = parse_config({**values, "source": {"path": "log.csv"}}, "test")
    prepare_names_if_missing(own.source, own.report.items)
    assert len(written) == 1
