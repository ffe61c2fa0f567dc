"""The outputs of runs, as ML Metadata has them: the evaluation, the verdicts, the pushed model, the report."""

import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence

import ml_metadata as mlmd
import pyarrow.parquet as pq
from ml_metadata.proto import metadata_store_pb2

from reporting.console import short_path
from schemas import catalogue
from schemas.errors import UserError
from schemas.evaluation import EVALUATION_FILE, TABLE_FILE
from serving.history import EVENT_SEPARATOR, SCENE_SEPARATOR

REPORT_FILE = "report.html"


@dataclasses.dataclass(frozen=True)
class PipelineResult:
    """What came out of a run.

    Attributes:
        run_id: name of the run in ML Metadata.
        table: the evaluation, for people.
        metrics: of the candidate and of each model beside it, by ``task/metric@k`` or ``task/metric@k/slice``.
        blessed: whether RankingEvaluator found the model good enough.
        reasons: why, or why not.
        infra_blessed: whether InfraValidator found that the model can be served.
        infra_reason: how it did, or why not.
        model: folder of the pushed version; None when it was refused.
        example: a history of real ids, as `dspnet recommend` takes it.
        report: the page about the run.
    """

    run_id: str
    table: str
    metrics: dict[str, dict[str, float]]
    blessed: bool
    reasons: tuple[str, ...]
    infra_blessed: bool
    infra_reason: str
    model: str | None
    example: str
    report: str


def read_results(store: mlmd.MetadataStore, run_id: str) -> PipelineResult:
    """Finds the results of a run, whether its steps ran or were cached.

    Raises:
        LookupError: if the run is unknown or did not come to its end.
    """
    outputs = outputs_of(store, run_id)
    evaluation = only_output(outputs, EVALUATION_TYPE, run_id).uri
    with open(os.path.join(evaluation, EVALUATION_FILE), encoding="utf-8") as file:
        content = json.load(file)
    with open(os.path.join(evaluation, TABLE_FILE), encoding="utf-8") as file:
        table = file.read().rstrip("\n")
    blessed = only_output(outputs, "ModelBlessing", run_id).custom_properties["blessed"].int_value == 1
    infra = only_output(outputs, "InfraBlessing", run_id).custom_properties
    return PipelineResult(
        run_id=run_id,
        table=table,
        metrics={
            name: {metric: measured["value"] for metric, measured in model["metrics"].items()}
            for name, model in content["models"].items()
        },
        blessed=blessed,
        reasons=tuple(content["verdict"]["reasons"]),
        infra_blessed=infra["blessed"].int_value == 1,
        infra_reason=infra["reason"].string_value,
        model=_pushed_to(only_output(outputs, "PushedModel", run_id)),
        example=example_history(only_output(outputs, CATALOGUE_TYPE, run_id).uri),
        report=os.path.join(only_output(outputs, REPORT_TYPE, run_id).uri, REPORT_FILE),
    )


def summary(result: PipelineResult, program: str) -> str:
    """Returns what a person reads at the end of a run.

    Args:
        result: of that run.
        program: how the `dspnet` command is called here.
    """
    outcome = _why_not_pushed(result) if result.model is None else _how_to_use(result.model, result.example, program)
    return "\n".join(["", result.table, "", *outcome, "", f"Report: {short_path(result.report)}"])


def _how_to_use(pushed: str, example: str, program: str) -> list[str]:
    model = short_path(pushed)
    recommend = [program, "recommend", "--model", model, "--history", example, "--top", "10"]
    serve = [program, "serve", "--model", os.path.dirname(model)]
    commands = [f"  {shlex.join(command)}" for command in (recommend, serve)]
    return [f"The model was pushed to {model}. Try it, or serve it:", "", *commands]


def _why_not_pushed(result: PipelineResult) -> list[str]:
    lines = []
    if not result.blessed:
        lines += ["The model was refused by RankingEvaluator, so it was not pushed:"]
        lines += [f"  {reason}" for reason in result.reasons]
    if not result.infra_blessed:
        lines += [f"The model was refused by InfraValidator, so it was not pushed: {result.infra_reason}"]
    return lines or ["The model was blessed, but not pushed."]


def program_name(path: Iterable[str] = (), executable: str = sys.executable) -> str:
    """Returns how to call `dspnet` from a shell: by name if the PATH has it, else by its place beside Python."""
    folder = os.path.dirname(os.path.abspath(executable))
    if folder in map(os.path.abspath, path):
        return "dspnet"
    return short_path(os.path.join(folder, "dspnet"))


def example_history(catalogue_uri: str, events: int = 2) -> str:
    """Returns a history of the most frequent items and scenes, as `dspnet recommend` takes it."""
    items = _ids(os.path.join(catalogue_uri, catalogue.ITEMS_FILE), (EVENT_SEPARATOR,), events)
    scenes = _ids(os.path.join(catalogue_uri, catalogue.SCENES_FILE), (EVENT_SEPARATOR, SCENE_SEPARATOR), events)
    # Fewer scenes than items: the last one stands for the rest.
    scenes = [*scenes, *[scenes[-1]] * (len(items) - len(scenes))]
    pairs = zip(items, scenes, strict=False)
    return EVENT_SEPARATOR.join(f"{item}{SCENE_SEPARATOR}{scene}" for item, scene in pairs)


def _ids(path: str, separators: Sequence[str], count: int) -> list[str]:
    ids = pq.read_table(path, columns=["id"])["id"].to_pylist()
    plain = [raw_id for raw_id in ids if not any(separator in raw_id for separator in separators)]
    return (plain or ids)[:count]


def outputs_of(store: mlmd.MetadataStore, run_id: str) -> dict[str, list[metadata_store_pb2.Artifact]]:
    """Returns the artifacts that the steps of a run put out, by the name of their type, earliest first.

    Raises:
        LookupError: if the run is unknown.
    """
    context = store.get_context_by_type_and_name(RUN_CONTEXT, run_id)
    if context is None:
        raise LookupError(f"ML Metadata knows no run {run_id!r}.")
    executions = [execution.id for execution in store.get_executions_by_context(context.id)]
    events = store.get_events_by_execution_ids(executions) if executions else []
    ids = sorted({event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT})
    outputs: dict[str, list[metadata_store_pb2.Artifact]] = {}
    for artifact in store.get_artifacts_by_id(ids):
        outputs.setdefault(artifact.type, []).append(artifact)
    return outputs


def only_output(
    outputs: dict[str, list[metadata_store_pb2.Artifact]], type_name: str, run_id: str
) -> metadata_store_pb2.Artifact:
    """Returns the only artifact of a type.

    Raises:
        LookupError: if there is none, or more than one.
    """
    artifacts = outputs.get(type_name, [])
    if len(artifacts) != 1:
        raise LookupError(f"Run {run_id!r} should have put out one {type_name}; it has {len(artifacts)}.")
    return artifacts[0]


def _pushed_to(pushed: metadata_store_pb2.Artifact) -> str | None:
    """The version in the serving folder or, when someone has removed that since, the copy among the artifacts."""
    if not pushed.custom_properties["pushed"].int_value:
        return None
    destination = pushed.custom_properties["pushed_destination"].string_value
    return destination if os.path.isdir(destination) else pushed.uri


METADATA_FILE = "metadata.db"
ARTIFACTS_FOLDER = "artifacts"

RUN_CONTEXT = "pipeline_run"

# By name, because their classes are in TFX, which takes long to import.
EVALUATION_TYPE = "ModelEvaluation"
REPORT_TYPE = "components.Report"
CATALOGUE_TYPE = "components.Catalogue"

_FINISHED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)


@dataclasses.dataclass(frozen=True)
class PipelineRun:
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


def find_run(folder: str, run_id: str | None = None) -> PipelineRun:
    """Finds a run that has an evaluation.

    Args:
        folder: of a pipeline; holds its metadata.
        run_id: which run, or how its id begins if only one begins so; None for the latest that has finished.

    Raises:
        UserError: if there is no such run, or it has no evaluation.
    """
    runs = read_runs(folder)
    if run_id is None:
        finished = [run for run in runs if run.finished]
        if not finished:
            raise UserError(f"{short_path(folder)}: no run has finished yet. {_listed(runs)}")
        return finished[-1]
    # Not only those that begin so: an id may be the beginning of another.
    chosen = [run for run in runs if run.run_id == run_id] or [run for run in runs if run.run_id.startswith(run_id)]
    if len(chosen) != 1:
        trouble = f"{len(chosen)} runs begin with" if chosen else "there is no run"
        raise UserError(f"{short_path(folder)}: {trouble} {run_id!r}. {_listed(runs)}")
    if chosen[0].evaluation is None:
        raise UserError(f"{short_path(folder)}: run {chosen[0].run_id} has no evaluation. {_listed(runs)}")
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
        return [_run(store, context, folder) for context in contexts]
    except (RuntimeError, mlmd.errors.StatusError) as error:
        raise UserError(
            f"{short_path(path)}: expected the metadata that `dspnet run` keeps, but it cannot be read: {error}"
        ) from error


def _run(store: mlmd.MetadataStore, context: metadata_store_pb2.Context, folder: str) -> PipelineRun:
    executions = store.get_executions_by_context(context.id)
    done = [execution.id for execution in executions if execution.last_known_state in _FINISHED]
    events = store.get_events_by_execution_ids(done) if done else []
    ids = sorted({event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT})
    folders = {artifact.type: artifact.uri for artifact in (store.get_artifacts_by_id(ids) if ids else [])}
    evaluation, report = (
        _moved(folders[kind], folder) if kind in folders else None for kind in (EVALUATION_TYPE, REPORT_TYPE)
    )
    return PipelineRun(context.name, len(done) == len(executions) and evaluation is not None, evaluation, report)


def _moved(uri: str, folder: str) -> str:
    """Returns where an artifact is now: ML Metadata knows where it was before someone moved or copied the folder.

    What lies in the given folder goes first: where it was, another pipeline's artifact of the same number may be now.
    """
    _, separator, rest = uri.rpartition(f"/{ARTIFACTS_FOLDER}/")
    moved = os.path.join(folder, ARTIFACTS_FOLDER, rest)
    return moved if separator and os.path.isdir(moved) else uri


def _listed(runs: Iterable[PipelineRun]) -> str:
    lines = [f"  {run.run_id}{'' if run.finished else _unfinished(run)}" for run in runs]
    return "\n".join(["The runs there, earliest first:", *lines]) if lines else "There are no runs there."


def _unfinished(run: PipelineRun) -> str:
    return "  (did not finish)" if run.evaluation else "  (did not come to its evaluation)"
