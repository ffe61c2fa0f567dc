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
from pipeline.run_metadata import ARTIFACTS_FOLDER, METADATA_FILE, RunRecord, read_run
from pipeline.step_runner import StepRunner
from reporting.console import Screen, short_path

PREPARATION = ("SequenceExampleGen", "StatisticsGen", "ImportSchemaGen", "StrictExampleValidator", "Catalogue")
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
    runner = StepRunner(screen, run_id, steps)
    definition = pipeline.create_pipeline(
        config,
        pipeline_root=os.path.join(folder, ARTIFACTS_FOLDER),
        serving_dir=os.path.join(folder, "serving_model", config.name),
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
