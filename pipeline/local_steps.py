"""Steps of the pipeline on this machine, in the pipeline's own folder: all of them, or those that others build on."""

import datetime
import os
from collections.abc import Collection

import ml_metadata as mlmd
from tfx.orchestration import metadata

from pipeline import pipeline, prepare
from pipeline.cache_keys import compute_source_digests, fingerprint_item_names, fingerprint_log, fingerprint_salt
from pipeline.config import PipelineConfig
from pipeline.console import StepFailedError
from pipeline.run_metadata import ARTIFACTS_FOLDER, EXAMPLES_TYPE, METADATA_FILE, RunRecord, read_run
from pipeline.split_sizes import find_size_problems
from pipeline.step_runner import StepRunner
from pipeline.workspace import locate_pushed_models
from reporting.console import Screen, short_path
from schemas.errors import UserError
from schemas.sequences import SPLITS

INGEST = "SequenceExampleGen"
PREPARATION = (INGEST, "StatisticsGen", "ImportSchemaGen", "StrictExampleValidator", "Catalogue")
"""The steps before a model is trained, by id."""


def run_steps(
    config: PipelineConfig,
    folder: str,
    screen: Screen,
    log_file: str,
    *,
    steps: Collection[str] | None = None,
    report_file: str | None = None,
) -> RunRecord | None:
    """Runs steps of a pipeline, or answers them from the cache of its workspace.

    Args:
        config: the pipeline.
        folder: the pipeline's workspace (`pipeline.workspace.find_workspace`).
        screen: where to report.
        log_file: where all else is written; a failure names it.
        steps: ids of the steps to run; None for all.
        report_file: JSON file to write, with how each step went.

    Returns:
        What the steps put out; None when the `tfx` command only registers the pipeline.

    Raises:
        UserError: if the salt is missing, or the log cannot be used.
        StepFailedError: if a step failed.
    """
    salt_fingerprint = fingerprint_salt(config.demo)
    prepare.prepare_if_missing(config.source)
    prepare.prepare_names_if_missing(config.source, config.report.items)
    connection = metadata.sqlite_metadata_connection_config(os.path.join(folder, METADATA_FILE))
    run_id = datetime.datetime.now(datetime.timezone.utc).isoformat()

    def inspect(step: str) -> None:
        # A search or a benchmark, which runs some steps alone, has needs of its own.
        if step == INGEST and steps is None:
            refuse_small_splits(config, read_run(mlmd.MetadataStore(connection), run_id))

    runner = StepRunner(screen, run_id, steps, inspect)
    definition = pipeline.create_pipeline(
        config,
        pipeline_root=os.path.join(folder, ARTIFACTS_FOLDER),
        serving_dir=locate_pushed_models(folder, config.name),
        metadata_connection_config=connection,
        source_digests=compute_source_digests(),
        input_fingerprint=fingerprint_log(config.source),
        salt_fingerprint=salt_fingerprint,
        names_fingerprint=fingerprint_item_names(config.report.items),
    )
    try:
        runner.run(definition)
    except StepFailedError as error:
        error.add_note(f"The full log, with the traceback: {short_path(log_file)}")
        raise
    finally:
        if runner.progress:
            screen.line(runner.progress.summarize())
            if report_file:
                runner.progress.save(report_file)
    return read_run(mlmd.MetadataStore(connection), run_id) if runner.progress else None


def refuse_small_splits(config: PipelineConfig, run: RunRecord) -> None:
    """Stops a run whose ingest, new or from the cache, has left too little to train on or to measure on.

    Raises:
        UserError: says what is wrong and what to do, before any costly step.
    """
    properties = run.get_only(EXAMPLES_TYPE).properties
    problems = find_size_problems(config, {split: int(properties[f"sequences_{split}"]) for split in SPLITS})
    if problems:
        raise UserError("\n".join(problems))
