"""Runs the pipeline on this machine: `python -m pipeline.local_runner` is `dspnet run`.

The `tfx` command runs this file, too, without arguments: the variable DSPNET_CONFIG then names the configuration.
"""

import datetime
import os
import pathlib
import sys
from typing import TYPE_CHECKING

if not __package__:
    # Started as a file, by the `tfx` command: this folder comes first on the path, so `pipeline` means pipeline.py.
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from pipeline.config import ConfigError, PipelineConfig
from pipeline.failure import StepFailedError
from pipeline.quiet import quiet
from pipeline.screen import short_path

if TYPE_CHECKING:
    from pipeline.results import RunResult


def run(config: PipelineConfig) -> "RunResult | None":
    """Runs the pipeline, reporting on standard output.

    Returns:
        What came out; None when the `tfx` command only registers the pipeline.

    Raises:
        ConfigError: if the log or the place for the results cannot be used.
        StepFailedError: if a step failed.
    """
    if "://" in config.workdir:
        raise ConfigError(
            f"workdir: a local run keeps its metadata in SQLite and needs a folder. Received: {config.workdir!r}"
        )
    folder = os.path.abspath(os.path.join(config.workdir, config.name))
    log_file = os.path.join(folder, "run.log")
    print(f"{config.name}: results in {short_path(folder)}, full log in {short_path(log_file)}")
    del sys.argv[1:]  # TFX's executors read them as flags of their own
    with quiet(log_file) as screen:
        # Imported here, because TensorFlow and Beam speak when they are imported.
        from ml_metadata.metadata_store import metadata_store
        from tfx.orchestration import metadata

        from pipeline import pipeline, prepare, results, step_runner
        from pipeline.input_fingerprint import input_fingerprint, names_fingerprint
        from pipeline.source_digest import source_digests

        prepare.prepare_if_missing(config.source)
        prepare.prepare_names_if_missing(config.source, config.report.items)
        connection = metadata.sqlite_metadata_connection_config(os.path.join(folder, "metadata.db"))
        runner = step_runner.StepRunner(screen, run_id=datetime.datetime.now(datetime.timezone.utc).isoformat())
        definition = pipeline.create_pipeline(
            config,
            pipeline_root=os.path.join(folder, "artifacts"),
            serving_dir=os.path.join(folder, "serving_model", config.name),
            metadata_connection_config=connection,
            source_digests=source_digests(),
            input_fingerprint=input_fingerprint(config.source),
            names_fingerprint=names_fingerprint(config.report.items),
        )
        try:
            runner.run(definition)
        except StepFailedError as error:
            error.add_note(f"The full log, with the traceback: {short_path(log_file)}")
            raise
        finally:
            if runner.progress:
                screen.line(runner.progress.total())
                runner.progress.save(os.path.join(folder, "last_run.json"))
        if runner.progress is None:
            return None
        result = results.read_results(metadata_store.MetadataStore(connection), runner.run_id)
        screen.line(results.summary(result, results.program_name(os.get_exec_path())))
        return result


if __name__ == "__main__":
    from pipeline.cli import main

    sys.exit(main(["run", *sys.argv[1:]]))
