"""The `tfx` command runs the pipeline file that `dspnet run` runs."""

import re

import pytest

pytestmark = pytest.mark.slow


def test_the_tfx_command_runs_the_same_pipeline(run_by_tfx):
    assert re.search(r"Trainer … cached", run_by_tfx), run_by_tfx
    assert "next item" in run_by_tfx and "Blessed" in run_by_tfx
