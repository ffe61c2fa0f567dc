import datetime
import errno
import pathlib
import subprocess
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from cli import main
from pipeline import local_runner
from pipeline.config import CONFIG_VARIABLE
from pipeline.console import StepFailedError
from schemas.errors import UserError
from serving import client
from serving.recommendations import Question, Recommendations

MINIMAL = "name: log\nsource: {path: log.csv}\nwindows: {cutoffs: [2024-08-01]}\n"


@pytest.fixture
def config(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "log.yaml"
    path.write_text(MINIMAL)
    return str(path)


def test_config_prints_what_was_resolved(config: str, capsys: pytest.CaptureFixture) -> None:
    assert main.main(["config", "--config", config, "--set", "training.epochs=3"]) == 0
    assert "  epochs: 3\n" in capsys.readouterr().out


def test_describe_needs_no_configuration(capsys: pytest.CaptureFixture) -> None:
    assert main.main(["config", "--describe"]) == 0
    assert "enable_cache: bool, default true" in capsys.readouterr().out


def test_wrong_configuration(config: str, capsys: pytest.CaptureFixture) -> None:
    assert main.main(["run", "--config", config, "--set", "model.heads=0"]) == 2
    shown = capsys.readouterr()
    assert "model.heads" in shown.err and not shown.out


def test_configuration_from_the_environment(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setenv(CONFIG_VARIABLE, config)
    monkeypatch.setattr(local_runner, "run", seen.append)
    assert main.main(["run"]) == 0
    assert [run.name for run in seen] == ["log"]


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (StepFailedError("Trainer", "no data"), 1, "Trainer failed: no data\n\nThe full log: run.log"),
        (UserError("source.path: nothing there"), 2, "source.path: nothing there"),
        (KeyboardInterrupt(), 130, "The same command resumes"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/log/result.json.new"),
            1,
            "No space left on device to write runs/log/result.json.new. Make room, and run the same command again.",
        ),
    ],
)
def test_failures(
    config: str,
    error: BaseException,
    code: int,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def fail(_: object) -> None:
        error.add_note("The full log: run.log")
        raise error

    monkeypatch.setattr(local_runner, "run", fail)
    assert main.main(["run", "--config", config]) == code
    captured = capsys.readouterr().err
    assert shown in captured and "Traceback" not in captured


def test_a_failure_may_have_no_notes(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise StepFailedError("Trainer", "no data")

    monkeypatch.setattr(local_runner, "run", fail)
    assert main.main(["run", "--config", config]) == 1
    assert capsys.readouterr().err == "\nTrainer failed: no data\n"


def test_a_local_run_needs_a_folder(config: str, capsys: pytest.CaptureFixture) -> None:
    assert main.main(["run", "--config", config, "--set", "workdir=gs://bucket/runs"]) == 2
    assert "workdir" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "benchmark", "tune"])
def test_a_folder_that_cannot_be_written_to_is_refused(
    command: str, config: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").touch()
    workdir = tmp_path / "file" / "runs"
    assert main.main([command, "--config", config, "--set", f"workdir={workdir}"]) == 2
    shown = capsys.readouterr().err
    assert f"workdir: cannot write to {workdir}/log: Not a directory" in shown and "--set workdir=" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--history", "milk"], "event 1 must be written item:scene"),
        (["--history", "milk:cart"], "no SavedModel in '/nowhere'"),
        (["--history", "milk:cart", "--top", "0"], "--top: must be at least 1. Received: 0"),
        (["--history", "milk:cart", "--exclude", "milk,"], "--exclude: item 2 is empty"),
        (["--history", "milk:cart", "--separator", ""], "--separator: must not be empty"),
        (["--history", "milk:cart", "--only", "milk,,tea"], "--only: item 2 is empty"),
        (
            ["--history", "milk:cart", "--only", "milk", "--unseen"],
            "--only: names all that is ranked",
        ),
        (["--history", "milk:cart", "--only", "milk", "--exclude", "tea"], "leave out --unseen and --exclude"),
    ],
)
def test_recommend_asked_wrongly(arguments: list[str], shown: str, capsys: pytest.CaptureFixture) -> None:
    assert main.main(["recommend", "--model", "/nowhere", *arguments]) == 2
    assert shown in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], "one of the arguments --model --endpoint is required"),
        (["--model", "m", "--endpoint", "http://h/v1/models/m"], "not allowed with argument --model"),
    ],
)
def test_recommend_asks_either_a_model_or_an_endpoint(
    arguments: list[str], shown: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main.main(["recommend", "--history", "milk:cart", *arguments])
    assert stopped.value.code == 2 and shown in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", "--endpoint: expected the REST address of a model"),
        ("localhost:8501", "--endpoint: expected the REST address of a model"),
        ("http://nowhere.invalid/v1/models/m", "no server can be reached at http://nowhere.invalid/v1/models/m"),
    ],
)
def test_recommend_cannot_ask_the_endpoint(url: str, shown: str, capsys: pytest.CaptureFixture) -> None:
    assert main.main(["recommend", "--endpoint", url, "--history", "milk:cart"]) == 2
    assert shown in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "asked", "top"),
    [
        ([], {}, 10),
        (["--unseen", "--top", "3"], {"unseen": True}, 3),
        (["--exclude", "tea, milk"], {"unseen": True, "exclude": ["tea", "milk"]}, 10),
        (["--only", "tea, milk"], {"only": ["tea", "milk"]}, 2),
        (["--only", "tea, milk", "--top", "1"], {"only": ["tea", "milk"]}, 1),
    ],
)
def test_recommend_asks_the_endpoint(
    options: list[str],
    asked: dict[str, Any],
    top: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    seen = []

    def recommend(endpoint: str, question: Question, top: int) -> Recommendations:
        seen.append((endpoint, question, top))
        return Recommendations([("bread", 1.0)], [("cart", 0.5)])

    monkeypatch.setattr(client, "recommend", recommend)
    url = "http://h/v1/models/m"
    assert main.main(["recommend", "--endpoint", url, "--history", "milk:cart", *options]) == 0
    assert seen == [(url, Question(["milk"], ["cart"], **{"exclude": [], "only": [], **asked}), top)]
    assert "bread" in capsys.readouterr().out


def test_recommend_by_endpoint_needs_no_tensorflow() -> None:
    code = (
        "import sys; from cli import main;"
        "main.main(['recommend', '--endpoint', 'http://nowhere.invalid/v1/models/m', '--history', 'milk:cart']);"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not set(done.stdout.split()) & {"tensorflow", "tfx", "apache_beam", "pyarrow", "numpy"}


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--as-of", "yesterday"], "--as-of: expected a date or a time"),
        (["--as-of", "0001-01-01T00:00+14:00"], "--as-of: expected a date or a time"),
        (["--top", "0"], "--top: must be at least 1. Received: 0"),
        (["--set", "windows.max_history=0"], "windows.max_history"),
        (["--set", "windows.history_days=30"], "--as-of: windows.history_days counts back from it"),
        ([], "no SavedModel in '/nowhere'"),
    ],
)
def test_batch_recommend_asked_wrongly(
    arguments: list[str], shown: str, config: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    out = str(tmp_path / "out")
    assert main.main(["batch-recommend", "--config", config, "--model", "/nowhere", "--out", out, *arguments]) == 2
    assert shown in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))


HISTORY_DAYS = ("--set", "windows.history_days=30")


@pytest.fixture
def batch(config: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], int]:
    """Returns a function that starts a batch job whose work is a function of its settings."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").touch()

    def start(work: Any) -> int:
        fake = types.SimpleNamespace(run=work)
        monkeypatch.setitem(sys.modules, "components.batch_recommend.job", fake)
        monkeypatch.setattr("components.batch_recommend.job", fake, raising=False)
        command = ["batch-recommend", "--config", config, "--model", str(tmp_path), "--out", str(tmp_path / "out")]
        return main.main(
            [*command, "--as-of", "2024-08-01T12:00+02:00", "--unseen", "--set", "demo=true", *HISTORY_DAYS]
        )

    return start


def test_batch_recommend_hands_on_its_arguments(
    batch: Callable[[Any], int], tmp_path: pathlib.Path, capfd: pytest.CaptureFixture
) -> None:
    seen = []
    assert batch(lambda settings: seen.append(settings) or "3 users") == 0
    (settings,) = seen
    assert (settings.model, settings.out) == (str(tmp_path / "1"), str(tmp_path / "out"))
    assert settings.as_of == datetime.datetime(2024, 8, 1, 10, tzinfo=datetime.timezone.utc)
    assert (settings.top, settings.unseen, settings.demo, settings.max_history) == (10, True, True, 100)
    assert settings.history_days == 30
    assert settings.source.path == "log.csv" and settings.beam_args[0] == "--runner=FnApiRunner"
    assert "3 users" in capfd.readouterr().out
    assert (tmp_path / "out.batch-recommend.log").exists()


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (UserError("--out: not empty"), 2, "--out: not empty"),
        (ValueError("9 of 10 rows are bad"), 1, "batch-recommend failed: 9 of 10 rows are bad\n\nThe full log"),
        (KeyboardInterrupt(), 130, "Stopped. Nothing was written."),
    ],
)
def test_batch_recommend_fails(
    batch: Callable[[Any], int], error: BaseException, code: int, shown: str, capfd: pytest.CaptureFixture
) -> None:
    def fail(_: Any) -> None:
        raise error

    assert batch(fail) == code
    captured = capfd.readouterr()
    assert shown in captured.err and "Traceback" not in captured.err + captured.out


def test_prepare_hands_on_its_arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    seen = {}
    monkeypatch.setitem(
        sys.modules, "public_data.outbrain", types.SimpleNamespace(prepare=lambda **given: seen.update(given))
    )
    out = str(tmp_path / "new" / "log.parquet")
    assert main.main(["prepare", "outbrain", "--page-views", "p.csv", "--documents", "d.csv", "--out", out]) == 0
    assert seen == {"page_views": "p.csv", "documents_meta": "d.csv", "out_path": out}
    assert (tmp_path / "new").is_dir()


def test_prepare_without_its_files(capsys: pytest.CaptureFixture, tmp_path: pathlib.Path) -> None:
    command = ["prepare", "outbrain", "--page-views", "p.csv", "--documents", "d.csv", "--out", str(tmp_path / "o")]
    assert main.main(command) == 2
    assert "outbrain cannot be prepared" in capsys.readouterr().err


def test_compare_hands_on_its_arguments(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    seen = []
    fake = types.SimpleNamespace(compare=lambda *given: seen.append(given) or "Comparison: comparison.html")
    monkeypatch.setitem(sys.modules, "experiments.comparison.compare", fake)
    assert main.main(["compare", "runs/a", "runs/b@2026"]) == 0
    assert main.main(["compare", "a", "b", "c", "--names", "x, y,z", "--html", "page.html"]) == 0
    assert seen == [
        (["runs/a", "runs/b@2026"], None, "comparison.html"),
        (["a", "b", "c"], ["x", "y", "z"], "page.html"),
    ]
    assert capsys.readouterr().out.splitlines()[-1] == "Comparison: comparison.html"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["one"], "RUN: a comparison needs at least two runs. Received: 1"),
        (["one", "two"], "RUN: expected the folder of a pipeline"),
        (["one", "two", "--names", "a"], "--names: expected 2 different names"),
        (["one", "two", "--html", "/nowhere/x.html"], "--html: expected a file in a folder that exists"),
    ],
)
def test_compare_asked_wrongly(arguments: list[str], shown: str, capsys: pytest.CaptureFixture) -> None:
    assert main.main(["compare", *arguments]) == 2
    captured = capsys.readouterr()
    assert shown in captured.err and "Traceback" not in captured.err and not captured.out


def test_compare_needs_no_tensorflow() -> None:
    code = "import sys, experiments.comparison.compare; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not set(done.stdout.split()) & {"tensorflow", "tfx", "apache_beam"}


def test_help_is_light() -> None:
    code = (
        "import contextlib, sys, cli.main, pipeline.local_runner\n"
        "with contextlib.suppress(SystemExit): cli.main.main(['--help'])\n"
        "print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    loaded = set(shown.split())
    assert not loaded & {"tensorflow", "tfx", "apache_beam", "pyarrow", "numpy", "ml_metadata"}


def test_a_command_is_a_file_and_an_entry_in_the_list() -> None:
    files = {path.stem for path in pathlib.Path(main.__file__).parent.glob("*.py")} - {"__init__", "main", "command"}
    assert {command.name.replace("-", "_") for command in main.COMMANDS} == files


@pytest.mark.parametrize(
    "module", ["cli.main config --describe", "cli.main config", "cli.main run", "pipeline.local_runner"]
)
def test_a_reader_that_leaves_is_no_failure(module: str, config: str, tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", *module.split(), "--config", config, "--set", f"workdir={tmp_path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 141)


def test_no_standard_output_is_no_failure(config: str) -> None:
    command = f"exec {sys.executable} -m cli.main config --config {config} >&-"
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, check=False)
    assert (done.stderr, done.returncode) == (b"", 0)


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (KeyboardInterrupt(), 130, "\nStopped. The same command resumes: finished steps are cached.\n"),
        (StepFailedError("Trainer", "no data"), 1, "\nTrainer failed: no data\n"),
        (UserError("source.path: nothing there"), 2, "source.path: nothing there\n"),
    ],
)
def test_the_runner_of_the_pipeline_ends_as_the_command_does(
    error: BaseException,
    code: int,
    shown: str,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(local_runner, "run", fail)
    assert local_runner.main(["--config", config]) == code
    assert capsys.readouterr().err == shown
