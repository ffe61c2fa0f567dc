"""What ML Metadata knows of runs: which steps came to their end, and what they put out.

TFX is not imported, because that takes long and `dspnet compare` needs ML Metadata alone.
"""

import dataclasses
import os
from collections.abc import Iterable, Mapping

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from reporting.console import short_path
from schemas.errors import UserError

METADATA_FILE = "metadata.db"
ARTIFACTS_FOLDER = "artifacts"

RUN_CONTEXT = "pipeline_run"

# By name, because their classes are in TFX.
EXAMPLES_TYPE = "Examples"
CATALOGUE_TYPE = "components.Catalogue"
EVALUATION_TYPE = "ModelEvaluation"
MODEL_BLESSING_TYPE = "ModelBlessing"
INFRA_BLESSING_TYPE = "InfraBlessing"
PUSHED_MODEL_TYPE = "PushedModel"
REPORT_TYPE = "components.Report"

_COMPLETED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)


@dataclasses.dataclass(frozen=True)
class Artifact:
    """What a step put out.

    Attributes:
        type_name: the name of its type.
        uri: its folder.
        properties: what its step said about it (TFX's custom properties): integers, numbers and texts by name.
    """

    type_name: str
    uri: str
    properties: Mapping[str, int | float | str]


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A run, as ML Metadata knows it.

    Attributes:
        run_id: its name there.
        completed: whether all steps that it began came to their end, be it from the cache.
        artifacts: what the steps that came to their end put out, earliest first.
    """

    run_id: str
    completed: bool
    artifacts: tuple[Artifact, ...]

    def find(self, type_name: str) -> Artifact | None:
        """Returns the latest artifact of a type; None if there is none."""
        found = [artifact for artifact in self.artifacts if artifact.type_name == type_name]
        return found[-1] if found else None

    def get_only(self, type_name: str) -> Artifact:
        """Returns the only artifact of a type.

        Raises:
            LookupError: if there is none, or more than one.
        """
        found = [artifact for artifact in self.artifacts if artifact.type_name == type_name]
        if len(found) != 1:
            raise LookupError(f"Run {self.run_id!r} should have put out one {type_name}; it has {len(found)}.")
        return found[0]


@dataclasses.dataclass(frozen=True)
class PipelineRun:
    """A run that may be compared with others.

    Attributes:
        run_id: its name in ML Metadata.
        finished: whether all steps that it began came to their end, and RankingEvaluator was one of them.
        evaluation: folder of what RankingEvaluator wrote; None if the run did not come that far.
        report: folder of what Report wrote; None if the run did not come that far.
    """

    run_id: str
    finished: bool
    evaluation: str | None
    report: str | None


def read_run(store: mlmd.MetadataStore, run_id: str) -> RunRecord:
    """Reads what ML Metadata knows of one run.

    Raises:
        LookupError: if the run is unknown.
    """
    context = store.get_context_by_type_and_name(RUN_CONTEXT, run_id)
    if context is None:
        raise LookupError(f"ML Metadata knows no run {run_id!r}.")
    return _read_record(store, context)


def find_run(folder: str, run_id: str | None = None) -> PipelineRun:
    """Finds a run that has an evaluation.

    Args:
        folder: a pipeline's folder, which holds its metadata.
        run_id: which run, or how its id begins if only one begins so; None for the latest that has finished.

    Raises:
        UserError: if there is no such run, or it has no evaluation.
    """
    runs = read_runs(folder)
    if run_id is None:
        finished = [run for run in runs if run.finished]
        if not finished:
            raise UserError(f"{short_path(folder)}: no run has finished yet. {_list(runs)}")
        return finished[-1]
    # Not only those that begin so: an id may be the beginning of another.
    chosen = [run for run in runs if run.run_id == run_id] or [run for run in runs if run.run_id.startswith(run_id)]
    if len(chosen) != 1:
        problem = f"{len(chosen)} runs begin with" if chosen else "there is no run"
        raise UserError(f"{short_path(folder)}: {problem} {run_id!r}. {_list(runs)}")
    if chosen[0].evaluation is None:
        raise UserError(f"{short_path(folder)}: run {chosen[0].run_id} has no evaluation. {_list(runs)}")
    return chosen[0]


def read_runs(folder: str) -> list[PipelineRun]:
    """Reads all runs of a pipeline's folder, earliest first.

    Raises:
        UserError: if its metadata cannot be read.
    """
    path = os.path.join(folder, METADATA_FILE)
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    try:
        store = mlmd.MetadataStore(config)
        contexts = store.get_contexts_by_type(RUN_CONTEXT)
        contexts.sort(key=lambda context: (context.create_time_since_epoch, context.id))
        return [_read_pipeline_run(_read_record(store, context), folder) for context in contexts]
    except (RuntimeError, mlmd.errors.StatusError) as error:
        raise UserError(
            f"{short_path(path)}: expected the metadata that `dspnet run` keeps, but it cannot be read: {error}"
        ) from error


def _read_record(store: mlmd.MetadataStore, context: metadata_store_pb2.Context) -> RunRecord:
    executions = store.get_executions_by_context(context.id)
    completed = [execution.id for execution in executions if execution.last_known_state in _COMPLETED]
    events = store.get_events_by_execution_ids(completed) if completed else []
    ids = sorted({event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT})
    artifacts = sorted(store.get_artifacts_by_id(ids), key=lambda artifact: artifact.id) if ids else []
    return RunRecord(context.name, len(completed) == len(executions), tuple(map(_read_artifact, artifacts)))


def _read_artifact(artifact: metadata_store_pb2.Artifact) -> Artifact:
    properties = {
        name: getattr(value, kind)
        for name, value in artifact.custom_properties.items()
        if (kind := value.WhichOneof("value")) in ("int_value", "double_value", "string_value")
    }
    return Artifact(artifact.type, artifact.uri, properties)


def _read_pipeline_run(record: RunRecord, folder: str) -> PipelineRun:
    evaluation, report = (
        None if artifact is None else _locate(artifact.uri, folder)
        for artifact in map(record.find, (EVALUATION_TYPE, REPORT_TYPE))
    )
    return PipelineRun(record.run_id, record.completed and evaluation is not None, evaluation, report)


def _locate(uri: str, folder: str) -> str:
    """Returns where an artifact is now: ML Metadata knows where it was before someone moved or copied the folder.

    What lies in the given folder goes first: another pipeline's artifact of the same number may be where it was.
    """
    _, separator, rest = uri.rpartition(f"/{ARTIFACTS_FOLDER}/")
    moved = os.path.join(folder, ARTIFACTS_FOLDER, rest)
    return moved if separator and os.path.isdir(moved) else uri


def _list(runs: Iterable[PipelineRun]) -> str:
    lines = [f"  {run.run_id}{'' if run.finished else _write_unfinished(run)}" for run in runs]
    return "\n".join(["The runs there, earliest first:", *lines]) if lines else "There are no runs there."


def _write_unfinished(run: PipelineRun) -> str:
    return "  (did not finish)" if run.evaluation else "  (did not come to its evaluation)"
