"""Finds and reads finished runs: `evaluation.json`, and `sequences.parquet` with what was measured of each sequence."""

import dataclasses
import json
import os
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from model.evaluation.pairing import MeasuredSequences
from pipeline.run_metadata import METADATA_FILE, find_run
from reporting.console import short_path
from schemas.errors import UserError
from schemas.evaluation import (
    EVALUATION_FILE,
    GROUP_COLUMN,
    SEQUENCE_COLUMN,
    SEQUENCES_FILE,
    USER_COLUMN,
    Evaluation,
    parse_evaluation,
)

REPORT_FILE = "report.json"

_ABOUT_SEQUENCES = (USER_COLUMN, SEQUENCE_COLUMN, GROUP_COLUMN)
_ADVICE = "Run the pipeline again with this version: steps whose code has not changed are cached."


@dataclasses.dataclass(frozen=True)
class MeasuredRun:
    """A run that has been evaluated.

    Attributes:
        run_id: name of the run in ML Metadata; None where the run was named by the folder of its evaluation.
        folder: folder of the evaluation.
        evaluation: content of `evaluation.json`.
        measured: content of `sequences.parquet`.
        config: the configuration; None where no report of the run holds it.
    """

    run_id: str | None
    folder: str
    evaluation: Evaluation
    measured: MeasuredSequences
    config: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """Name of the run's configuration."""
        return self.evaluation.name

    @property
    def digest(self) -> str:
        """Digest of the test users and their futures."""
        return self.evaluation.digest


def read_run(run: str) -> MeasuredRun:
    """Reads a run.

    Args:
        run: a pipeline's folder, for its latest finished run; such a folder, ``@`` and the id of another run; or the
            folder of an evaluation.

    Raises:
        UserError: if it is none of these, or the evaluation is incomplete or damaged.
    """
    folder, run_id = _split_id(run)
    if os.path.isfile(os.path.join(folder, METADATA_FILE)):
        found = find_run(folder, run_id)
        assert found.evaluation is not None
        return _read(found.evaluation, found.run_id, found.report)
    if run_id is None and os.path.isfile(os.path.join(folder, EVALUATION_FILE)):
        return _read(os.path.normpath(folder), None, None)
    raise UserError(
        f"RUN: expected the folder of a pipeline (workdir/name, which holds {METADATA_FILE}), such a folder and "
        f"@RUN_ID, or the folder of an evaluation (which holds {EVALUATION_FILE}). Received: {run!r}{_suggest(folder)}"
    )


def _split_id(run: str) -> tuple[str, str | None]:
    """Splits the id of the run off; the name of a folder may hold an @, too."""
    folder, separator, run_id = run.rpartition("@")
    return (folder, run_id) if separator and run_id and not os.path.isdir(run) else (run, None)


def _suggest(folder: str) -> str:
    """Returns the end of a sentence on a folder that holds no run: which folders below it do."""
    if not os.path.isdir(folder):
        return ", but there is no such folder."
    inner = [entry.path for entry in os.scandir(folder) if os.path.isfile(os.path.join(entry.path, METADATA_FILE))]
    return f". Pipelines below it: {', '.join(sorted(map(short_path, inner)))}" if inner else ", which holds neither."


def _read(folder: str, run_id: str | None, report: str | None) -> MeasuredRun:
    path = os.path.join(folder, EVALUATION_FILE)
    try:
        with open(path, "rb") as file:
            evaluation = parse_evaluation(file.read())
    except OSError as error:
        raise UserError(f"{short_path(path)}: cannot be read: {error.strerror}. Was it removed since?") from error
    except ValueError as error:
        raise UserError(f"{short_path(path)}: {error} {_ADVICE}") from error
    measured = read_sequences(os.path.join(folder, SEQUENCES_FILE), evaluation.sequences, EVALUATION_FILE, _ADVICE)
    return MeasuredRun(run_id, folder, evaluation, measured, _read_config(report))


def _read_config(report: str | None) -> Mapping[str, Any] | None:
    """Returns the configuration that a report holds; None where there is none, for a comparison does without."""
    if report is None:
        return None
    try:
        with open(os.path.join(report, REPORT_FILE), encoding="utf-8") as file:
            return json.load(file)["origin"]["config"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_sequences(
    path: str, expected: int, beside: str, advice: str, metrics: Collection[str] | None = None
) -> MeasuredSequences:
    """Reads the measured sequences of a run.

    Args:
        path: the Parquet file.
        expected: number of sequences that the file should hold.
        beside: name of the file beside it that holds this number, for errors.
        advice: what to do when the file cannot be read, for errors.
        metrics: metrics to read, ``task/metric``, as far as they are there; None for all.

    Raises:
        UserError: if the file is missing, damaged, or about another number of sequences.
    """
    if not os.path.exists(path):
        raise UserError(
            f"{short_path(path)}: is not there, so runs cannot be compared sequence by sequence; an older version of "
            f"DSPnet wrote this evaluation. {advice}"
        )
    try:
        columns = {}
        with pq.ParquetFile(path) as file:
            for name in file.schema_arrow.names:  # one by one, so that none is held twice for long
                if metrics is None or name in metrics or name in _ABOUT_SEQUENCES:
                    column = file.read([name])[name]
                    columns[name] = (
                        _read_ids(column) if name in (USER_COLUMN, GROUP_COLUMN) else _read_numbers(column, name)
                    )
        users, sequences, groups = columns.pop(USER_COLUMN), columns.pop(SEQUENCE_COLUMN), columns.pop(GROUP_COLUMN)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise UserError(f"{short_path(path)}: is damaged: {error}. {advice}") from error
    if len(users) != expected:
        raise UserError(
            f"{short_path(path)}: holds {len(users):,} sequences, but {beside} beside it is about "
            f"{expected:,}: the two do not belong together. {advice}"
        )
    return MeasuredSequences(users, sequences, np.char.decode(groups, "utf-8"), columns)


def _read_ids(column: pa.ChunkedArray) -> npt.NDArray[np.bytes_]:
    """Returns text as bytes of fixed length, which take a quarter of the memory of NumPy's text."""
    if column.null_count:
        raise ValueError("an id is missing")
    chunks = [np.array(chunk.cast(pa.binary()).to_pylist(), np.bytes_) for chunk in column.chunks if len(chunk)]
    return np.concatenate(chunks) if chunks else np.empty(0, "S1")


def _read_numbers(column: pa.ChunkedArray, name: str) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
    if name == SEQUENCE_COLUMN:
        if column.null_count:
            raise ValueError("a digest of a sequence is missing")
        return column.cast(pa.int64()).to_numpy()
    values = column.cast(pa.float32()).to_numpy()
    if np.isinf(values).any():
        raise ValueError(f"{name} is infinite for a sequence")
    return values
