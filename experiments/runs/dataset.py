"""The data set that all runs of an experiment share: the sequences and catalogues of the pipeline itself."""

import dataclasses
import hashlib
import os
import pathlib
import sys
import traceback
from multiprocessing.connection import Connection

from experiments.runs.process import WorkerProcess, describe_exit
from pipeline.config import PipelineConfig
from pipeline.console import StepFailedError, describe_error, redirect_output
from pipeline.workspace import make_workspace
from reporting.console import short_path
from schemas.errors import UserError
from schemas.sequences import SPLITS

LOG_FILE = "prepare.log"


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Sequences, split, and the catalogues of the train split.

    Attributes:
        examples_uri: folder of the sequence examples.
        catalogue_uri: folder of the catalogues.
        sequences: number of sequences in each split.
        digest: digest of the contents of all files; equal data have an equal digest wherever they lie.
    """

    examples_uri: str
    catalogue_uri: str
    sequences: dict[str, int]
    digest: str

    def glob_files(self, split: str) -> list[str]:
        """Returns a glob of the example files of a split."""
        return [os.path.join(locate_split(self.examples_uri, split), "*.gz")]


def locate_split(examples_uri: str, split: str) -> str:
    """Returns the folder of a split's example files, as TFX names it."""
    return os.path.join(examples_uri, f"Split-{split}")


def prepare_dataset(config: PipelineConfig) -> Dataset:
    """Runs the pipeline's steps up to the catalogue, or answers them from its cache, reporting on standard output.

    The steps run in the pipeline's own folder, so `dspnet run` finds them in the cache, and the other way round. They
    run in a worker process, which gives back what TFX and Beam take of memory.

    Raises:
        UserError: if the log or the folder of the results cannot be used.
        StepFailedError: if a step failed.
    """
    folder = make_workspace(config)
    log_file = os.path.join(folder, LOG_FILE)
    with WorkerProcess(_prepare, config, folder, log_file) as process:
        try:
            for answer in process.receive(every=60):
                if answer is not None:
                    process.end()
                if isinstance(answer, BaseException):
                    raise answer
                if answer is not None:
                    return answer
        except KeyboardInterrupt:
            process.interrupt()  # TFX then notes in its metadata that the step has failed
            raise
    raise _make_error(f"its process ended unexpectedly, with {describe_exit(process.exit_code)}.", log_file)


def digest_data(examples_uri: str, catalogue_uri: str) -> str:
    """Returns a digest of the names and contents of all example files and catalogues.

    Equal runs of the pipeline write equal files.
    """
    digest = hashlib.sha256()
    folders = {split: locate_split(examples_uri, split) for split in SPLITS} | {"catalogue": catalogue_uri}
    for name, folder in folders.items():
        for path in sorted(path for path in pathlib.Path(folder).iterdir() if path.is_file()):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{name}/{path.name} {content}\n".encode())
    return digest.hexdigest()


def _prepare(link: Connection, config: PipelineConfig, folder: str, log_file: str) -> None:
    """Prepares the data in a worker process; sends a `Dataset`, or the exception that stopped it."""
    del sys.argv[1:]  # TFX's executors read them as flags of their own
    try:
        with redirect_output(log_file) as screen:
            # Imported here, because TensorFlow and Beam speak when they are imported.
            from pipeline.local_steps import PREPARATION, run_steps
            from pipeline.run_metadata import CATALOGUE_TYPE, EXAMPLES_TYPE

            run = run_steps(config, folder, screen, log_file, steps=PREPARATION)
            assert run is not None, "only the tfx command runs without a result"
            examples, catalogue = run.get_only(EXAMPLES_TYPE), run.get_only(CATALOGUE_TYPE)
            sequences = {split: int(examples.properties[f"sequences_{split}"]) for split in SPLITS}
            digest = digest_data(examples.uri, catalogue.uri)
        link.send(Dataset(examples.uri, catalogue.uri, sequences, digest))
    except (UserError, StepFailedError, KeyboardInterrupt) as error:
        link.send(error)
    except Exception as error:
        with open(log_file, "a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        link.send(_make_error(describe_error(error), log_file))


def _make_error(message: str, log_file: str) -> StepFailedError:
    error = StepFailedError("Preparation", message)
    error.add_note(f"The full log: {short_path(log_file)}")
    return error
