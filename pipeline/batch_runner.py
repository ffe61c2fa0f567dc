"""Runs a batch job on this machine, or sends it to a cluster if `beam.args` says so: `dspnet batch-recommend`."""

import datetime
import os
import traceback

from pipeline.config import PipelineConfig
from pipeline.console import StepFailedError, describe_error, redirect_output
from reporting.console import short_path
from schemas.errors import UserError
from serving.recommend import find_version


def run(config: PipelineConfig, model: str, out: str, as_of: datetime.datetime | None, top: int, unseen: bool) -> None:
    """Recommends for every user of the configuration's log, reporting on standard output.

    Args:
        config: names the log, and says how histories are cut, hashed and partitioned.
        model: folder of a SavedModel, or of its versions, of which the latest is taken; on a remote filesystem the
            folder of one version.
        out: folder for the results; must not exist, or be empty.
        as_of: events from this time on are ignored (without a zone: UTC); None reads all.
        top: how many items, and how many scenes, each user gets at most.
        unseen: whether items of a user's own events are left out.

    Raises:
        UserError: if the log, the model or the place for the results cannot be used.
        StepFailedError: if the job failed.
    """
    # Sequence files are already cut.
    history_days = config.windows.history_days if config.source.layout == "events" else None
    if history_days and as_of is None:
        raise UserError("--as-of: windows.history_days counts back from it, so give one, as in 2024-08-01")
    out = _make_absolute(out)
    log_file = os.path.abspath(os.path.basename(out) if "://" in out else out) + ".batch-recommend.log"
    version = model if "://" in model else os.path.abspath(find_version(model))
    print(f"{config.name}: recommendations go to {_shorten(out)}, full log in {short_path(log_file)}")
    with redirect_output(log_file) as screen:
        # Imported here, because TensorFlow and Beam speak when they are imported.
        from components.batch_recommend import job
        from components.batch_recommend.config import BatchConfig
        from pipeline.prepare import prepare_if_missing

        batch = BatchConfig(
            source=config.source,
            max_history=config.windows.max_history,
            partitions=config.beam.partitions,
            demo=config.demo,
            beam_args=config.beam.args,
            model=version,
            out=out,
            as_of=as_of,
            history_days=history_days,
            top=top,
            unseen=unseen,
            ties=config.windows.ties,
        )
        try:
            prepare_if_missing(config.source)
            screen.line(str(job.run(batch)))
        except UserError:
            raise
        except Exception as error:
            traceback.print_exc()  # into the log file
            failed = StepFailedError("batch-recommend", describe_error(error))
            failed.add_note(f"The full log, with the traceback: {short_path(log_file)}")
            raise failed from error


def _make_absolute(path: str) -> str:
    return path.rstrip("/") if "://" in path else os.path.abspath(path)


def _shorten(path: str) -> str:
    return path if "://" in path else short_path(path)
