"""Benchmarks of what is served and evaluated still run, on something tiny; what they measure is not looked at."""

import sys
from collections.abc import Callable

import pytest

from benchmarks import evaluation, retrieval, served_model, serving

pytestmark = pytest.mark.slow

ITEMS = 300
ROWS = {
    "evaluation": (evaluation.main, ("--width", "4", "--sequences", "20", "--turns", "1"), 1),
    "retrieval": (retrieval.main, ("--width", "4", "--batches", "2", "--seconds", "0.05"), 4),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_table_has_its_rows(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if name == "retrieval":
        pytest.importorskip("scann", reason="there is no ScaNN for this TensorFlow")
    main: Callable[[], None]
    main, arguments, rows = ROWS[name]
    monkeypatch.setattr(sys, "argv", [name, "--items", str(ITEMS), *arguments])
    main()
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(table) >= 2 + rows and len({line.count("|") for line in table}) == 1


def test_a_served_model_answers_beside_the_bare_arithmetic(tmp_path: object) -> None:
    served_model.export_random(str(tmp_path), ITEMS, serving.SCENES, 4)
    measured = serving._in_process(str(tmp_path), ITEMS, 0.5)
    assert len(measured["signature"]) == len(measured["floor"]) > 1
