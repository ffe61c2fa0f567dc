import pytest

from experiments.runs.failure_text import (
    describe_exception,
    describe_over_limit,
    describe_refusal,
    diagnose_exit,
    is_memory_error,
)
from tests.experiments.runs.planted import make_run

GIB = 2**30
TENSORFLOW = """Graph execution error:

Detected at node 'dense/MatMul' defined at (most recent call last):
OOM when allocating tensor with shape[256,7900000] and type float on /device:CPU:0 by allocator cpu
\t [[{{node dense/MatMul}}]]
Hint: If you want to see a list of allocated tensors when OOM happens, ..."""


class ResourceExhaustedError(Exception):
    pass


@pytest.mark.parametrize(
    ("run", "stage", "advice"),
    [
        (
            make_run(),
            "in training epoch 2",
            "lower training.batch_size, or compare with a sample of the items (training.candidates.sampling).",
        ),
        (
            make_run(candidates={"sampling": "uniform"}),
            "before the first epoch",
            "lower training.batch_size, or lower training.candidates.number.",
        ),
        (
            make_run(candidates={"sampling": "in_batch"}),
            "before the first epoch",
            "--memory-gib, or lower training.batch_size.",
        ),
        (make_run(), "in the evaluation", "Raise --memory-gib, or lower evaluation.batch_size."),
        (make_run("popularity"), "while it counted", "Raise --memory-gib."),
    ],
)
def test_over_the_limit(run, stage, advice):
    reason = describe_over_limit(run, 3 * GIB, 2 * GIB, stage)
    assert reason.startswith(f"It took 3.00 GiB {stage}, more than the 2.00 GiB it was given. Raise --memory-gib")
    assert reason.endswith(advice)


def test_of_a_long_message_what_was_asked_for_is_told():
    reason = describe_refusal(TENSORFLOW, "in training epoch 1", GIB)
    assert "shape[256,7900000]" in reason and "in training epoch 1" in reason and "Graph execution" not in reason
    assert len(describe_exception("long " * 1000, "at its start", "run.log")) < 500


@pytest.mark.parametrize(
    ("exit_code", "for_memory", "log", "status", "reason"),
    [
        (-9, True, "", "out_of_memory", "The kernel killed it in training epoch 1, when it had 1.00 GiB"),
        (-9, False, "", "failed", "It ended unexpectedly in training epoch 1, with SIGKILL"),
        (-6, True, "what():  std::bad_alloc\n", "out_of_memory", "could not get the memory it asked for in training"),
        (-11, True, "all is well", "failed", "with SIGSEGV (full log"),
        (3, False, "", "failed", "with exit code 3"),
    ],
)
def test_a_process_that_ended_without_a_word(tmp_path, exit_code, for_memory, log, status, reason):
    (tmp_path / "run.log").write_text("x" * 10_000 + log)
    found = diagnose_exit(exit_code, for_memory, "in training epoch 1", GIB, str(tmp_path / "run.log"))
    assert found[0] == status and reason in found[1]


def test_a_log_that_was_never_begun():
    assert diagnose_exit(1, False, "at its start", 0, "/nowhere/run.log")[0] == "failed"


def _wrapped(inner):
    try:
        try:
            raise inner
        except type(inner) as error:
            raise RuntimeError("training failed") from error
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (ResourceExhaustedError("OOM when allocating"), True),
        (RuntimeError("std::bad_alloc"), True),
        (ResourceExhaustedError("runs/a/checkpoints/part-00000; No space left on device [Op:SaveV2]"), False),
        (ResourceExhaustedError("runs/a/checkpoints/part-00000; Disk quota exceeded [Op:SaveV2]"), False),
        (_wrapped(ResourceExhaustedError("runs/a/part; Too many open files")), False),
        (_wrapped(MemoryError()), True),
        (_wrapped(ValueError()), False),
        (ValueError("too few sequences"), False),
    ],
)
def test_which_exceptions_say_that_memory_has_run_out(error, expected):
    assert is_memory_error(error) is expected
