"""The result of a run of the pipeline, and what a person reads of it: the table, the verdict and what to do next."""

import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence

import pyarrow.parquet as pq

from pipeline import run_metadata
from pipeline.run_metadata import RunRecord
from reporting.console import short_path
from schemas import catalogue
from schemas.evaluation import EVALUATION_FILE, TABLE_FILE
from serving.history import EVENT_SEPARATOR, SCENE_SEPARATOR

REPORT_FILE = "report.html"


@dataclasses.dataclass(frozen=True)
class PipelineResult:
    """What came out of a run.

    Attributes:
        run_id: the run's name in ML Metadata.
        table: the evaluation, for people.
        metrics: values of the candidate and of each model beside it, by name of the model, then by
            ``task/metric@k`` or ``task/metric@k/slice``.
        blessed: whether RankingEvaluator found the model good enough.
        reasons: why, or why not.
        infra_blessed: whether InfraValidator found that the model can be served.
        infra_reason: how the model did, or why it cannot be served.
        model: folder of the pushed version; None when the model was refused.
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


def read_result(run: RunRecord) -> PipelineResult:
    """Reads the result of a run, whether its steps ran or were cached.

    Raises:
        LookupError: if the run did not come to its end.
    """
    evaluation = run.get_only(run_metadata.EVALUATION_TYPE).uri
    with open(os.path.join(evaluation, EVALUATION_FILE), encoding="utf-8") as file:
        content = json.load(file)
    with open(os.path.join(evaluation, TABLE_FILE), encoding="utf-8") as file:
        table = file.read().rstrip("\n")
    blessing = run.get_only(run_metadata.MODEL_BLESSING_TYPE).properties
    infra_blessing = run.get_only(run_metadata.INFRA_BLESSING_TYPE).properties
    return PipelineResult(
        run_id=run.run_id,
        table=table,
        metrics={
            name: {metric: measured["value"] for metric, measured in model["metrics"].items()}
            for name, model in content["models"].items()
        },
        blessed=blessing.get("blessed") == 1,
        reasons=tuple(content["verdict"]["reasons"]),
        infra_blessed=infra_blessing.get("blessed") == 1,
        infra_reason=str(infra_blessing.get("reason", "")),
        model=_find_pushed(run.get_only(run_metadata.PUSHED_MODEL_TYPE)),
        example=write_example_history(run.get_only(run_metadata.CATALOGUE_TYPE).uri),
        report=os.path.join(run.get_only(run_metadata.REPORT_TYPE).uri, REPORT_FILE),
    )


def write_summary(result: PipelineResult, program: str) -> str:
    """Returns what a person reads at the end of a run.

    Args:
        result: the run's result.
        program: how the `dspnet` command is called here; see `find_program`.
    """
    outcome = (
        _write_refusals(result) if result.model is None else _write_instructions(result.model, result.example, program)
    )
    return "\n".join(["", result.table, "", *outcome, "", f"Report: {short_path(result.report)}"])


def find_program(path: Iterable[str] = (), executable: str = sys.executable) -> str:
    """Returns how to call `dspnet` from a shell: by name if the PATH has it, else by its place beside Python."""
    folder = os.path.dirname(os.path.abspath(executable))
    if folder in map(os.path.abspath, path):
        return "dspnet"
    return short_path(os.path.join(folder, "dspnet"))


def write_example_history(catalogue_uri: str, events: int = 2) -> str:
    """Returns a history of the most frequent items and scenes, as `dspnet recommend` takes it."""
    items = _read_ids(os.path.join(catalogue_uri, catalogue.ITEMS_FILE), (EVENT_SEPARATOR,), events)
    scenes = _read_ids(os.path.join(catalogue_uri, catalogue.SCENES_FILE), (EVENT_SEPARATOR, SCENE_SEPARATOR), events)
    # Fewer scenes than items: the last one stands for the rest.
    scenes = [*scenes, *[scenes[-1]] * (len(items) - len(scenes))]
    pairs = zip(items, scenes, strict=False)
    return EVENT_SEPARATOR.join(f"{item}{SCENE_SEPARATOR}{scene}" for item, scene in pairs)


def _write_instructions(pushed: str, example: str, program: str) -> list[str]:
    model = short_path(pushed)
    recommend = [program, "recommend", "--model", model, "--history", example, "--top", "10"]
    serve = [program, "serve", "--model", os.path.dirname(model)]
    commands = [f"  {shlex.join(command)}" for command in (recommend, serve)]
    return [f"The model was pushed to {model}. Try it, or serve it:", "", *commands]


def _write_refusals(result: PipelineResult) -> list[str]:
    lines = []
    if not result.blessed:
        lines += ["The model was refused by RankingEvaluator, so it was not pushed:"]
        lines += [f"  {reason}" for reason in result.reasons]
    if not result.infra_blessed:
        lines += [f"The model was refused by InfraValidator, so it was not pushed: {result.infra_reason}"]
    return lines or ["The model was blessed, but not pushed."]


def _find_pushed(pushed: run_metadata.Artifact) -> str | None:
    """Returns the version in the serving folder or, when someone has removed that, the copy among the artifacts."""
    if not pushed.properties.get("pushed"):
        return None
    destination = str(pushed.properties.get("pushed_destination", ""))
    return destination if os.path.isdir(destination) else pushed.uri


def _read_ids(path: str, separators: Sequence[str], count: int) -> list[str]:
    """Returns the most frequent raw ids, those without a separator first of all."""
    ids = pq.read_table(path, columns=["id"])["id"].to_pylist()
    plain = [raw_id for raw_id in ids if not any(separator in raw_id for separator in separators)]
    return (plain or ids)[:count]
