import io
import json
import pathlib

from pipeline import console
from pipeline.console import Progress
from reporting.console import Screen
from reporting.numbers import format_bytes, format_seconds


def progress(stream: io.StringIO, *times: float) -> Progress:
    return Progress(Screen(stream), 2, clock=iter([0.0, *times]).__next__, read_peak_bytes=lambda: 1_100_000_000)


def test_one_line_a_step() -> None:
    stream = io.StringIO()
    steps = progress(stream, 0.0, 4.2, 5.0, 5.0, 6.0)
    steps.start("Gen")
    steps.finish("Gen", "done")
    steps.start("Trainer")
    steps.finish("Trainer", "cached")
    assert stream.getvalue() == "[1/2] Gen … 4.2 s, peak 1.1 GB\n[2/2] Trainer … cached\n"
    assert steps.summarize() == "2 steps in 6.0 s, peak 1.1 GB"


def test_failure_and_unknown_memory() -> None:
    stream = io.StringIO()
    steps = Progress(Screen(stream), 1, clock=iter([0.0, 0.0, 61.0]).__next__, read_peak_bytes=lambda: None)
    steps.start("Gen")
    steps.finish("Gen", "failed")
    assert stream.getvalue() == "[1/1] Gen … failed after 1 min 01 s\n"


def test_save(tmp_path: pathlib.Path) -> None:
    steps = progress(io.StringIO(), 0.0, 4.0)
    steps.start("Gen")
    steps.finish("Gen", "done")
    steps.save(str(tmp_path / "last_run.json"))
    saved = json.loads((tmp_path / "last_run.json").read_text())
    assert saved == {"steps": [{"name": "Gen", "outcome": "done", "seconds": 4.0, "peak_bytes": 1_100_000_000}]}


def test_peak_memory_sees_an_allocation() -> None:
    console.reset_peak()
    before = console.read_peak_bytes()
    if before is None:
        return  # no /proc here
    block = bytearray(b"x") * 60_000_000
    peak = console.read_peak_bytes()
    assert peak is not None and peak - before > 0.8 * len(block)


def test_units() -> None:
    assert [format_seconds(seconds) for seconds in (0.04, 59.94, 59.96, 3600)] == [
        "0.0 s",
        "59.9 s",
        "1 min 00 s",
        "1 h 00 min",
    ]
    assert [format_bytes(size) for size in (250_000_000, 1_000_000_000)] == ["250 MB", "1.0 GB"]
