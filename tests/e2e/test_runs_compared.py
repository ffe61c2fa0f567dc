"""What a user sees who compares two finished runs."""

import pytest

from tests.e2e.conftest import LEFT, LEFT_SECOND, run_dspnet

pytestmark = pytest.mark.slow


def test_two_runs_of_one_configuration_are_identical(left, second, folder):
    runs = [f"{place}/runs/planted" for place in (LEFT, LEFT_SECOND)]
    compared = run_dspnet("compare", *runs, "--names", "first,second", cwd=folder)
    assert compared.returncode == 0, compared.stderr
    assert compared.stdout.splitlines()[-1] == "Comparison: comparison.html"
    assert "identical" in compared.stdout
    assert "<html" in (folder / "comparison.html").read_text()


def test_a_run_that_does_not_exist_is_refused_by_name(left, folder):
    compared = run_dspnet("compare", f"{LEFT}/runs/planted", "runs/nowhere", cwd=folder)
    assert compared.returncode == 2 and "runs/nowhere" in compared.stderr
    assert "Traceback" not in compared.stderr
