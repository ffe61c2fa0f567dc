import subprocess
import sys

import pytest

from experiments.runs.process import LOCK_FILE, exclusive_lock
from schemas.errors import UserError

HOLD = """
import sys, time
from experiments.runs.process import exclusive_lock
with exclusive_lock(sys.argv[1], "a benchmark"):
    print(flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that runs a benchmark in a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_two_at_once_are_refused_until_one_is_killed(holder, tmp_path):
    said = rf"a benchmark is running there already, process {holder.pid}\. Wait for it, or play"
    with pytest.raises(UserError, match=said), exclusive_lock(str(tmp_path), "a benchmark", ", or play"):
        raise AssertionError("two at once")
    holder.kill()
    holder.wait()
    with exclusive_lock(str(tmp_path), "a benchmark"):
        pass


def test_one_after_the_other(tmp_path):
    for _ in range(2):
        with exclusive_lock(str(tmp_path), "a benchmark"):
            assert (tmp_path / LOCK_FILE).read_text().strip().isdigit()
