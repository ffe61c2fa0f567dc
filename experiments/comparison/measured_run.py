"""Reads what RankingEvaluator wrote about a run: `evaluation.json`, and `sequences.parquet` with each test sequence."""

import dataclasses
import json
import os
from typing import Any

from experiments.comparison.measured_sequences import read_sequences
from model.evaluation.pairing import MeasuredSequences
from pipeline.run_metadata import METADATA_FILE, find_run
from reporting.console import short_path
from schemas.errors import UserError
from schemas.evaluation import EVALUATION_FILE, SEQUENCES_FILE

REPORT_FILE = "report.json"

_NEEDED = ("name", "sequences", "digest", "k")
_AGAIN = "Run the pipeline again with this version: steps whose code has not changed are cached."


@dataclasses.dataclass(frozen=True)
class MeasuredRun:
    """A run that has been evaluated.

    Attributes:
        name: of its configuration.
        run_id: in ML Metadata; None where the run was named by its evaluation's folder.
        folder: of the evaluation.
        evaluation: content of `evaluation.json`.
        measured: content of `sequences.parquet`.
        config: the configuration, if there is a report of the run that tells it.
    """

    name: str
    run_id: str | None
    folder: str
    evaluation: dict[str, Any]
    measured: MeasuredSequences
    config: dict[str, Any] | None

    @property
    def digest(self) -> str:
        """Digest of the test users and their futures."""
        return self.evaluation["digest"]


def read_run(run: str) -> MeasuredRun:
    """Reads a run.

    Args:
        run: a pipeline's folder, whose latest finished run is meant; such a folder, ``@`` and the id of another run;
            or the folder of an evaluation.

    Raises:
        UserError: if it is none of these, or the evaluation is incomplete or damaged.
    """
    folder, run_id = _split(run)
    if os.path.isfile(os.path.join(folder, METADATA_FILE)):
        found = find_run(folder, run_id)
        assert found.evaluation is not None
        return _read(found.evaluation, found.run_id, found.report)
    if run_id is None and os.path.isfile(os.path.join(folder, EVALUATION_FILE)):
        return _read(os.path.normpath(folder), None, None)
    raise UserError(
        f"RUN: expected the folder of a pipeline (workdir/name, which holds {METADATA_FILE}), such a folder and "
        f"@RUN_ID, or the folder of an evaluation (which holds {EVALUATION_FILE}). Received: {run!r}{_hint(folder)}"
    )


def _split(run: str) -> tuple[str, str | None]:
    """Splits the id of the run off; the name of a folder may hold an @, too."""
    folder, separator, run_id = run.rpartition("@")
    return (folder, run_id) if separator and run_id and not os.path.isdir(run) else (run, None)


def _hint(folder: str) -> str:
    if not os.path.isdir(folder):
        return ", but there is no such folder."
    inner = [entry.path for entry in os.scandir(folder) if os.path.isfile(os.path.join(entry.path, METADATA_FILE))]
    return f". Pipelines below it: {', '.join(sorted(map(short_path, inner)))}" if inner else ", which holds neither."


def _read(folder: str, run_id: str | None, report: str | None) -> MeasuredRun:
    evaluation = _json(os.path.join(folder, EVALUATION_FILE))
    missing = [key for key in _NEEDED if key not in evaluation]
    if missing:
        raise UserError(
            f"{short_path(os.path.join(folder, EVALUATION_FILE))}: has no {', '.join(missing)}; an older version of "
            f"DSPnet wrote it. {_AGAIN}"
        )
    measured = read_sequences(os.path.join(folder, SEQUENCES_FILE), evaluation["sequences"], EVALUATION_FILE, _AGAIN)
    return MeasuredRun(str(evaluation["name"]), run_id, folder, evaluation, measured, _config(report))


def _json(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except OSError as error:
        raise UserError(f"{short_path(path)}: cannot be read: {error.strerror}. Was it removed since?") from error
    except ValueError as error:
        raise UserError(f"{short_path(path)}: is damaged, it holds no JSON: {error}. {_AGAIN}") from error
    if not isinstance(content, dict):
        raise UserError(f"{short_path(path)}: is damaged: expected a JSON object. {_AGAIN}")
    return content


def _config(report: str | None) -> dict[str, Any] | None:
    """Returns the configuration that a report tells, if it can be had: a comparison does without."""
    if report is None:
        return None
    try:
        return _json(os.path.join(report, REPORT_FILE))["origin"]["config"]
    except (UserError, KeyError, TypeError):
        return None
