import os
import pathlib

import pytest

from experiments.runs import dataset as module
from experiments.runs.dataset import Dataset, digest_data, prepare_dataset
from pipeline.console import StepFailedError
from tests.experiments.runs.planted import make_config, make_data


def _write(folder, **content):
    made = make_data(folder)
    files = {"train": "Split-train/a.gz", "val": "Split-val/a.gz", "test": "Split-test/a.gz"}
    for split, name in files.items():
        path = pathlib.Path(made.examples_uri) / name
        path.parent.mkdir(parents=True)
        path.write_text(content.get(split, "x"))
    catalogue = pathlib.Path(made.catalogue_uri)
    catalogue.mkdir()
    (catalogue / "items.parquet").write_text(content.get("catalogue", "x"))
    return digest_data(made.examples_uri, made.catalogue_uri)


def test_equal_data_have_one_digest_wherever_they_lie(tmp_path):
    assert _write(tmp_path / "a") == _write(tmp_path / "b")


def test_other_data_have_another_digest(tmp_path):
    changes = ({}, {"train": "y"}, {"val": "y"}, {"test": "y"}, {"catalogue": "y"})
    assert len({_write(tmp_path / str(number), **change) for number, change in enumerate(changes)}) == len(changes)


def test_files_of_a_split(tmp_path):
    assert make_data(tmp_path).glob_files("val") == [str(tmp_path / "examples" / "Split-val" / "*.gz")]


def _answer(link, config, folder, log_file):
    link.send(Dataset("e", "c", {"train": 1}, config.name))


def _refuse(link, config, folder, log_file):
    error = StepFailedError("SequenceExampleGen", "no such file")
    error.add_note(f"The full log: {log_file}")
    link.send(error)


def _die(link, config, folder, log_file):
    os._exit(3)


def test_data_are_prepared_in_a_process_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_prepare", _answer)
    assert prepare_dataset(make_config(workdir=str(tmp_path))) == Dataset("e", "c", {"train": 1}, "planted")


@pytest.mark.parametrize(
    ("work", "step", "message"),
    [
        (_refuse, "SequenceExampleGen", "no such file"),
        (_die, "Preparation", "its process ended unexpectedly, with exit code 3."),
    ],
)
def test_data_that_cannot_be_prepared(monkeypatch, tmp_path, work, step, message):
    monkeypatch.setattr(module, "_prepare", work)
    with pytest.raises(StepFailedError, match=message) as failed:
        prepare_dataset(make_config(workdir=str(tmp_path)))
    assert failed.value.step == step and "prepare.log" in failed.value.__notes__[0]
