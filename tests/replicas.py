"""Training of one script with one replica and with two, in processes of their own, for tests that compare them."""

import concurrent.futures
import json
import subprocess
import sys
from typing import Any


def train_with_one_and_two(script: str, *arguments: str) -> tuple[Any, Any]:
    """Returns what a script prints as JSON in its last line, run as ``script REPLICAS ARGUMENTS`` with 1 and with 2."""

    def train(replicas: str) -> Any:
        run = subprocess.run([sys.executable, "-c", script, replicas, *arguments], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr[-3000:]
        return json.loads(run.stdout.splitlines()[-1])

    # Side by side: tracing takes one core.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        one, two = pool.map(train, ["1", "2"])
    return one, two
