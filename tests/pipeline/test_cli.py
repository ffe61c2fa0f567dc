import pathlib
import subprocess
import sys
import types

import pytest

from pipeline import cli, local_runner
from pipeline.config import ConfigError, parse_config
from pipeline.failure import StepFailedError

MINIMAL = "name: log\nsource: {path: log.csv}\nwindows: {cutoffs: [2024-08-01]}\n"


@pytest.fixture
def config(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "log.yaml"
    path.write_text(MINIMAL)
    return str(path)


def test_config_prints_what_was_resolved(config: str, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["config", "--config", config, "--set", "training.epochs=3"]) == 0
    assert "  epochs: 3\n" in capsys.readouterr().out


def test_describe_needs_no_configuration(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["config", "--describe"]) == 0
    assert "enable_cache: bool, default true" in capsys.readouterr().out


def test_wrong_configuration(config: str, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["run", "--config", config, "--set", "model.heads=0"]) == 2
    shown = capsys.readouterr()
    assert "model.heads" in shown.err and not shown.out


def test_configuration_from_the_environment(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setenv(cli.CONFIG_VARIABLE, config)
    monkeypatch.setattr(local_runner, "run", seen.append)
    assert cli.main(["run"]) == 0
    assert [run.name for run in seen] == ["log"]


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (StepFailedError("Trainer", "no data"), 1, "Trainer failed: no data\n\nThe full log: run.log"),
        (ConfigError("source.path: nothing there"), 2, "source.path: nothing there"),
        (KeyboardInterrupt(), 130, "The same command resumes"),
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
    assert cli.main(["run", "--config", config]) == code
    captured = capsys.readouterr().err
    assert shown in captured and "Traceback" not in captured


def test_a_local_run_needs_a_folder(config: str, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["run", "--config", config, "--set", "workdir=gs://bucket/runs"]) == 2
    assert "workdir" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--history", "milk"], "event 1 must be written item:scene"),
        (["--history", "milk:cart"], "no SavedModel in '/nowhere'"),
        (["--history", "milk:cart", "--top", "0"], "--top: must be at least 1. Received: 0"),
    ],
)
def test_recommend_asked_wrongly(arguments: list[str], shown: str, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["recommend", "--model", "/nowhere", *arguments]) == 2
    assert shown in capsys.readouterr().err


def test_prepare_hands_on_its_arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    seen = {}
    monkeypatch.setitem(
        sys.modules, "public_data.outbrain", types.SimpleNamespace(prepare=lambda **given: seen.update(given))
    )
    out = str(tmp_path / "new" / "log.parquet")
    assert cli.main(["prepare", "outbrain", "--page-views", "p.csv", "--documents", "d.csv", "--out", out]) == 0
    assert seen == {"page_views": "p.csv", "documents_meta": "d.csv", "out_path": out}
    assert (tmp_path / "new").is_dir()


def test_prepare_without_its_files(capsys: pytest.CaptureFixture, tmp_path: pathlib.Path) -> None:
    command = ["prepare", "outbrain", "--page-views", "p.csv", "--documents", "d.csv", "--out", str(tmp_path / "o")]
    assert cli.main(command) == 2
    assert "outbrain cannot be prepared" in capsys.readouterr().err


def test_public_data_are_prepared_once(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    from pipeline.prepare import prepare_if_missing

    written = []
    fake = types.SimpleNamespace(prepare=lambda out_path: written.append(pathlib.Path(out_path).write_text("log")))
    monkeypatch.setitem(sys.modules, "public_data.complete_journey", fake)
    source = {"path": str(tmp_path / "data" / "log.parquet"), "public_dataset": "complete_journey"}
    source = parse_config({"name": "log", "source": source, "windows": {"cutoffs": ["2024-08-01"]}}, "test").source
    prepare_if_missing(source)
    prepare_if_missing(source)
    assert len(written) == 1


def test_help_is_light() -> None:
    code = "import sys, pipeline.cli, pipeline.config, pipeline.local_runner; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    )
    assert not loaded & {"tensorflow", "tfx", "apache_beam", "pyarrow", "numpy", "ml_metadata"}
