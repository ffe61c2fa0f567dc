import pickle

import pytest

from pipeline.console import StepFailedError, describe_error

BEAM = """Traceback (most recent call last):
  File "common.py", line 1498, in process
    return self.do_fn_invoker.invoke_process(windowed_value)
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "executor.py", line 10, in _count
    raise SourceError(path)
components.casting.SourceError: log.csv has no column 'scene'; found ['a: b'].
Name the columns. [while running 'Ingest/Read']
"""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("the log is empty"), "the log is empty"),
        (RuntimeError(BEAM), "log.csv has no column 'scene'; found ['a: b'].\nName the columns."),
        (RuntimeError("no column [while running 'Ingest/Read-ptransform-12']"), "no column"),
        (KeyError("scene"), "KeyError: 'scene'"),
        (MemoryError(), "MemoryError"),
        (ValueError(), "ValueError"),
        (FileNotFoundError(2, "No such file", "log.csv"), "FileNotFoundError: [Errno 2] No such file: 'log.csv'"),
    ],
)
def test_message(error: Exception, message: str) -> None:
    assert describe_error(error) == message


def test_a_failure_can_leave_a_worker_process():
    error = StepFailedError("Trainer", "out of memory")
    error.add_note("The full log: run.log")
    error = pickle.loads(pickle.dumps(error))
    assert (error.step, str(error), error.__notes__) == ("Trainer", "out of memory", ["The full log: run.log"])
