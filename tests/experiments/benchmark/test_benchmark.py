"""The order of a benchmark, what it keeps and what it shows; its runs train nothing here."""

import collections
import dataclasses
import itertools

import pytest

from cli import main
from experiments.benchmark import benchmark as module
from experiments.benchmark import outputs
from experiments.benchmark.benchmark import benchmark
from experiments.benchmark.outputs import write_outputs
from experiments.benchmark.plan import BenchmarkSpec, Limits, plan_runs
from experiments.benchmark.store import add_keys
from experiments.runs.result import OUT_OF_MEMORY
from pipeline.console import StepFailedError
from schemas.errors import UserError
from tests.experiments.benchmark.fake_runs import FAILURE, FakeRuns
from tests.experiments.runs.planted import make_config, make_data

SPEC = BenchmarkSpec(("popularity", "sasrec", "dspnet"), (7, 8), ("next",), ablations=False)
ORDER = [("popularity", 7), ("SASRec", 7), ("DSPnet", 7), ("SASRec", 8), ("DSPnet", 8)]
LIMIT = 2**32


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Returns a function that runs a benchmark and returns what it ran; what it said and wrote is kept beside it."""
    monkeypatch.chdir(tmp_path)

    def write(folder, results, planned, info):
        start.written.append((results, planned, info))
        return "the tables"

    monkeypatch.setattr(outputs, "write_outputs", write)
    test = dataclasses.replace(make_data(tmp_path), sequences={"train": 300, "val": 40, "test": 120})

    def start(runs=None, spec=SPEC, limit=LIMIT, data=test, fails=None, trials=0, **training):
        runs, start.written = runs or FakeRuns(), []
        monkeypatch.setattr(module, "execute_run", runs)
        monkeypatch.setattr(module, "prepare_dataset", lambda config: data)
        arguments = make_config(workdir=str(tmp_path), **training), spec, Limits(limit, trials)
        if fails is None:
            benchmark(*arguments, command="dspnet benchmark")
        else:
            with pytest.raises(fails) as failed:
                benchmark(*arguments)
            start.error = failed.value
        start.said = capsys.readouterr().out
        return [(one.label, one.config.training.seed) for one in runs.ran]

    start.folder = tmp_path / "planted" / "benchmark"
    return start


def test_all_runs_are_executed_in_order_and_shown(run):
    assert run() == ORDER
    lines = run.said.splitlines()
    assert lines[0] == "planted: benchmark of 5 runs in planted/benchmark, 4.00 GiB for each"
    assert [line.partition(" … ")[0] for line in lines[1:6]] == [
        "[1/5] popularity",
        "[2/5] SASRec, seed 7",
        "[3/5] DSPnet, seed 7",
        "[4/5] SASRec, seed 8",
        "[5/5] DSPnet, seed 8",
    ]
    assert "next R@10" in lines[1] and "left" not in lines[1], "nothing like what waits is done"
    assert all("; about " in line for line in lines[2:5]) and "left" not in lines[5]
    assert lines[6:] == ["", "the tables"]


def test_tables_are_written_after_each_run(run):
    run()
    assert [len(results) for results, *_ in run.written] == [1, 2, 3, 4, 5, 5]
    results, planned, info = run.written[2]
    assert [result.label for result in results] == ["popularity", "SASRec", "DSPnet"]
    assert all((run.folder / "cells" / result.name / "result.json").exists() for result in results)
    waiting = [(one.label, one.config.training.seed, one.config.training.target) for one in planned]
    assert waiting == [("SASRec", 8, "next"), ("DSPnet", 8, "next")]
    assert (info.name, info.command, info.seeds) == ("planted", "dspnet benchmark", (7, 8))
    assert info.memory_limit == LIMIT and info.machine["cores"] and info.trials == 0
    assert {"tensorflow", "numpy"} <= set(info.versions)


def test_tables_are_of_the_files_of_the_runs(run, monkeypatch):
    monkeypatch.setattr(outputs, "write_outputs", write_outputs)
    run()
    assert "Table 1: Next item" in run.said
    assert run.said.splitlines()[-1] == "Written: planted/benchmark/benchmark.html"


def test_runs_are_given_what_was_asked(run):
    runs = FakeRuns()
    run(runs)
    assert runs.options == [{"memory_limit": LIMIT, "keep_model": False}] * 5


def test_finished_runs_are_not_repeated(run):
    run()
    assert run() == []
    assert "Kept: 5 of 5 runs" in run.said and "Run again" not in run.said
    assert run.said.count(", kept\n") == 5 and [len(results) for results, *_ in run.written] == [5]
    assert run(spec=dataclasses.replace(SPEC, seeds=(7, 8, 9))) == [("SASRec", 9), ("DSPnet", 9)]


def test_an_interrupted_benchmark_goes_on_and_has_tables_meanwhile(run):
    assert run(FakeRuns(interrupt="DSPnet"), fails=KeyboardInterrupt) == ORDER[:3]
    results, planned, _ = run.written[-1]
    assert [result.label for result in results] == ["popularity", "SASRec"] and len(planned) == 3
    assert run() == ORDER[2:]
    assert "Kept: 2 of 5 runs" in run.said


def test_other_settings_are_other_runs_beside_the_finished_ones(run):
    run()
    assert run(learning_rate=0.5) == ORDER
    assert "Run again: 5, because their settings or data have changed" in run.said
    assert run() == run(learning_rate=0.5) == []


def test_runs_of_other_code_are_repeated(run, monkeypatch):
    run()
    monkeypatch.setattr(module, "compute_source_digests", lambda: {"Trainer": "new"})
    assert run() == ORDER
    assert "Run again: 5, because the code that trains them has changed" in run.said


def test_out_of_memory_is_told_and_the_rest_goes_on(run):
    reason = "It took 5.00 GiB in training epoch 1, more than the 4.00 GiB it was given."
    runs = FakeRuns({"SASRec": (OUT_OF_MEMORY, reason)})
    assert run(runs) == ORDER
    assert run.said.count("out of memory, 3.0 s; about ") == run.said.count(f" left\n  {reason}\n") == 2
    assert [result.status for result in run.written[-1][0]].count(OUT_OF_MEMORY) == 2
    assert run() == [] and "out of memory, kept" in run.said
    assert run(limit=2 * LIMIT) == [ORDER[1], ORDER[3]]
    assert "Run again: 2, because they may take more memory now" in run.said


def test_failed_runs_are_shown_at_the_end_and_repeated(run):
    assert run(FakeRuns(FAILURE), fails=StepFailedError) == ORDER
    assert "[2/5] SASRec, seed 7 … FAILED, 3.0 s" in run.said and "the tables" in run.said
    assert str(run.error) == (
        "2 of 5 runs:\n"
        "  SASRec, seed 7: It failed in training epoch 1: no data (full log: run.log)\n"
        "  SASRec, seed 8: It failed in training epoch 1: no data (full log: run.log)"
    )
    assert "The same command runs them again" in run.error.__notes__[0]
    assert run() == [ORDER[1], ORDER[3]]
    assert "Run again: 2, because they failed" in run.said


def test_what_a_search_found_is_trained(run, monkeypatch):
    asked = []

    def run_searches(config, spec, limits, data, screen):
        asked.append((spec, limits))
        return {("sasrec", "next"): {"training.learning_rate": 0.002}}

    monkeypatch.setattr(module, "run_searches", run_searches)
    runs = FakeRuns()
    run(runs, trials=4)
    assert asked == [(SPEC, Limits(LIMIT, 4))]
    rates = {one.label: one.config.training.learning_rate for one in runs.ran}
    assert rates == {"popularity": 0.01, "SASRec": 0.002, "DSPnet": 0.01}
    assert [one.tuned for one in runs.ran if one.label == "SASRec"] == [{"training.learning_rate": 0.002}] * 2
    info = run.written[-1][2]
    assert info.trials == 4 and set(info.search_space) == {"sasrec", "dspnet"}


def test_runs_of_a_search_that_kept_the_configuration_are_kept_and_say_so(run, monkeypatch):
    run()
    found = {("sasrec", "next"): {"training.learning_rate": 0.01}}
    monkeypatch.setattr(module, "run_searches", lambda *_: found)
    assert run(trials=1) == []
    tuned = {result.label: result.tuned for result in run.written[-1][0]}
    assert tuned["SASRec"] == {"training.learning_rate": 0.01} and tuned["DSPnet"] == {}


@pytest.mark.parametrize("number", [0, 1])
def test_a_test_split_too_small_to_measure_on(run, tmp_path, number):
    data = dataclasses.replace(make_data(tmp_path), sequences={"train": 300, "val": 40, "test": number})
    assert run(data=data, fails=UserError) == []
    assert f"The test split has {number} sequences" in str(run.error)


def test_wrong_limits_are_refused_before_anything_is_prepared(run):
    assert run(trials=-1, fails=UserError) == []
    assert not run.folder.exists()


def test_two_at_once_are_refused(run):
    class Impatient(FakeRuns):
        def __call__(self, *given, **options):
            with pytest.raises(UserError, match="a benchmark is running there already"):
                benchmark(make_config(workdir=str(run.folder.parents[1])), SPEC, Limits(LIMIT))
            return super().__call__(*given, **options)

    assert run(Impatient()) == ORDER


def test_tables_that_cannot_be_written_yet_do_not_stop_it(run, monkeypatch):
    calls = iter(range(9))

    def write(folder, results, planned, info):
        if next(calls) < 4:
            raise OSError("disk full")
        return "the tables"

    monkeypatch.setattr(outputs, "write_outputs", write)
    assert run() == ORDER
    assert run.said.count("  warning: the tables cannot be written yet: OSError: disk full") == 4
    assert run.said.endswith("\nthe tables\n")


def test_tables_that_take_long_are_written_now_and_then(run, monkeypatch):
    """Here they take a second, all else no time at all, and the clock goes on by ten seconds with each one."""
    clock = itertools.count()
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))

    class Slow(FakeRuns):
        def __call__(self, *given, **options):
            collections.deque(itertools.islice(clock, 10), maxlen=0)
            return super().__call__(*given, **options)

    run(Slow())
    assert [len(results) for results, *_ in run.written] == [1, 3, 5, 5]


def test_folders_are_named_by_runs_with_their_key(run, tmp_path):
    run()
    runs = add_keys(plan_runs(make_config(), SPEC), make_data(tmp_path))
    assert sorted(path.name for path in (run.folder / "cells").iterdir()) == sorted(one.name for one in runs)


def test_the_command_hands_on_its_options(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(module, "benchmark", lambda *given, **options: seen.append((given, options)))
    path = tmp_path / "log.yaml"
    path.write_text("name: log\nsource: {path: log.csv}\nwindows: {cutoffs: [2024-08-01]}\n")
    command = ["benchmark", "--config", str(path), "--methods", "sasrec,dspnet", "--seeds", "2", "--no-ablations"]
    options = [
        "--targets",
        "period",
        "--trials",
        "5",
        "--memory-gib",
        "1.5",
        "--keep-models",
        "--set",
        "training.seed=3",
    ]
    assert main.main([*command, *options]) == 0
    (((config, spec, limits), options),) = seen
    assert config.name == "log" and spec == BenchmarkSpec(("sasrec", "dspnet"), (3, 4), ("period",), False)
    assert limits == Limits(3 * 2**29, 5) and options["keep_models"]
    assert options["command"].startswith("dspnet benchmark --config ") and "--trials 5" in options["command"]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--methods", "gru4rec"], "--methods: expected some of bert4rec"),
        (["--seeds", "0"], "--seeds: must be at least 1. Received: 0"),
        (["--targets", "all"], "--targets: A question is next, period or prefix, or a window as in first_5_events"),
        (["--trials", "-1"], "--trials: must not be negative. Received: -1"),
        (["--memory-gib", "0"], "--memory-gib: must be greater than 0. Received: 0"),
        (["--set", "workdir=gs://bucket/runs"], "workdir: a local run"),
        (["--set", "model.heads=0"], "model.heads"),
    ],
)
def test_the_command_asked_wrongly(options, shown, tmp_path, capsys):
    path = tmp_path / "log.yaml"
    path.write_text(f"name: log\nworkdir: {tmp_path}\nsource: {{path: log.csv}}\nwindows: {{cutoffs: [2024-08-01]}}\n")
    assert main.main(["benchmark", "--config", str(path), *options]) == 2
    captured = capsys.readouterr()
    assert shown in captured.err and "Traceback" not in captured.err and not captured.out
