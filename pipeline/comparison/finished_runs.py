"""Finds what a pipeline's runs have put out, in the metadata that a local run keeps in its folder."""

import dataclasses
import os
from collections.abc import Iterable

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from pipeline.config import ConfigError
from pipeline.screen import short_path

METADATA_FILE = "metadata.db"
ARTIFACTS_FOLDER = "artifacts"

RUN_CONTEXT = "pipeline_run"

# By name, because their classes are in TFX, which takes long to import.
EVALUATION_TYPE = "ModelEvaluation"
REPORT_TYPE = "components.Report"

_FINISHED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run, as ML Metadata knows it.

    Attributes:
        run_id: its name there.
        finished: whether all steps that it began came to their end, and RankingEvaluator was one of them.
        evaluation: folder of what RankingEvaluator wrote; None if it did not come that far.
        report: folder of what Report wrote; None likewise.
    """

    run_id: str
    finished: bool
    evaluation: str | None
    report: str | None


def find_run(folder: str, run_id: str | None = None) -> Run:
    """Finds a run that has an evaluation.

    Args:
        folder: of a pipeline; holds its metadata.
        run_id: which run, or how its id begins if only one begins so; None for the latest that has finished.

    Raises:
        ConfigError: if there is no such run, or it has no evaluation.
    """
    runs = read_runs(folder)
    if run_id is None:
        finished = [run for run in runs if run.finished]
        if not finished:
            raise ConfigError(f"{short_path(folder)}: no run has finished yet. {_listed(runs)}")
        return finished[-1]
    # Not only those that begin so: an id may be the beginning of another.
    chosen = [run for run in runs if run.run_id == run_id] or [run for run in runs if run.run_id.startswith(run_id)]
    if len(chosen) != 1:
        trouble = f"{len(chosen)} runs begin with" if chosen else "there is no run"
        raise ConfigError(f"{short_path(folder)}: {trouble} {run_id!r}. {_listed(runs)}")
    if chosen[0].evaluation is None:
        raise ConfigError(f"{short_path(folder)}: run {chosen[0].run_id} has no evaluation. {_listed(runs)}")
    return chosen[0]


def read_runs(folder: str) -> list[Run]:
    """Reads all runs of a pipeline's folder, earliest first.

    Raises:
        ConfigError: if its metadata cannot be read.
    """
    path = os.path.join(folder, METADATA_FILE)
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    try:
        store = mlmd.MetadataStore(config)
        contexts = store.get_contexts_by_type(RUN_CONTEXT)
        contexts.sort(key=lambda context: (context.create_time_since_epoch, context.id))
        return [_run(store, context, folder) for context in contexts]
    except (RuntimeError, mlmd.errors.StatusError) as error:
        raise ConfigError(
            f"{short_path(path)}: expected the metadata that `dspnet run` keeps, but it cannot be read: {error}"
        ) from error


def _run(store: mlmd.MetadataStore, context: metadata_store_pb2.Context, folder: str) -> Run:
    executions = store.get_executions_by_context(context.id)
    done = [execution.id for execution in executions if execution.last_known_state in _FINISHED]
    events = store.get_events_by_execution_ids(done) if done else []
    ids = sorted({event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT})
    folders = {artifact.type: artifact.uri for artifact in (store.get_artifacts_by_id(ids) if ids else [])}
    evaluation, report = (
        _moved(folders[kind], folder) if kind in folders else None for kind in (EVALUATION_TYPE, REPORT_TYPE)
    )
    return Run(context.name, len(done) == len(executions) and evaluation is not None, evaluation, report)


def _moved(uri: str, folder: str) -> str:
    """Returns where an artifact is now: ML Metadata knows where it was before someone moved or copied the folder.

    What lies in the given folder goes first: where it was, another pipeline's artifact of the same number may be now.
    """
    _, separator, rest = uri.rpartition(f"/{ARTIFACTS_FOLDER}/")
    moved = os.path.join(folder, ARTIFACTS_FOLDER, rest)
    return moved if separator and os.path.isdir(moved) else uri


def _listed(runs: Iterable[Run]) -> str:
    lines = [f"  {run.run_id}{'' if run.finished else _unfinished(run)}" for run in runs]
    return "\n".join(["The runs there, earliest first:", *lines]) if lines else "There are no runs there."


def _unfinished(run: Run) -> str:
    return "  (did not finish)" if run.evaluation else "  (did not come to its evaluation)"
