"""`result.json`: what was measured of a cell. It is written last, so a cell that has one has come to its end."""

import json
from collections.abc import Mapping
from typing import Any

from experiments.runs.run import FAILED, OUT_OF_MEMORY, Run
from model.methods import METHODS
from schemas.atomic_file import write_whole

RESULT_FILE = "result.json"

OTHER_SETTINGS = "their settings or data have changed"
"""Why cells are run again of which there are results with another key."""

COST = (
    "training_seconds",
    "epochs",
    "best_epoch",
    "sequences_per_second",
    "peak_memory_bytes",
    "training_peak_memory_bytes",
    "parameters",
    "evaluation_seconds",
    "wall_seconds",
)
"""What a cell costs. What is unknown, or does not apply because nothing is trained, is null.

Seconds of training are those of all epochs, and of evaluation and all of the cell; the rate is that of the epochs after
the first, validation included; memory is the most that the process held, by its end and by the end of training.
"""

UNMEASURED: Mapping[str, Any] = {
    "sequences": None,
    "digest": None,
    "slices": None,
    "metrics": None,
    "cost": {},
    "training": None,
}
"""The part of a result that is measured, for a cell that did not come to its end."""


def describe(cell: Run, key: str, source_digest: str) -> dict[str, Any]:
    """Returns what is known of a cell before it is measured.

    Args:
        cell: the cell.
        key: digest of all that its numbers depend on (`experiments.runs.run.run_key`).
        source_digest: of the code that trains and measures.
    """
    training, method = cell.config.training, cell.config.model.name
    return {
        "name": cell.name,
        "label": cell.label,
        "role": cell.role,
        "method": method,
        "seed": training.seed,
        "target": training.target,
        "objective": METHODS[method].objective(training.objective),
        "sampling": training.candidates.sampling,
        "key": key,
        "tuned": dict(cell.tuned),
        "config": cell.config.model_dump(mode="json"),
        "source_digest": source_digest,
    }


def write_json(path: str, content: Mapping[str, Any]) -> None:
    """Writes a file, whole or not at all."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def read_json(path: str) -> dict[str, Any] | None:
    """Reads what `write_json` wrote; None if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def why_again(
    result: Mapping[str, Any], cell: Run, key: str, source_digest: str, memory_limit: int | None
) -> str | None:
    """Says why a cell with such a result is run again; None if it stands.

    That of a finished cell stands, and that of one that took more memory than it may, unless it may take more now.

    Args:
        result: content of its `result.json`.
        cell: as it is now.
        key: digest of all that its numbers depend on now, but for the code.
        source_digest: of the code now.
        memory_limit: bytes that it may take now; None for any number.
    """
    if result["key"] != key:
        return OTHER_SETTINGS
    if result["status"] == FAILED:
        return "they failed"
    if result["source_digest"] != source_digest:
        return "the code that trains them has changed"
    if result["status"] == OUT_OF_MEMORY:
        if _bytes(result["cost"]["peak_memory_bytes"]) <= _bytes(result["memory_limit"]):
            return "the machine had no memory left for them"
        if _bytes(memory_limit) > _bytes(result["memory_limit"]):
            return "they may take more memory now"
        if result["config"]["evaluation"]["batch_size"] != cell.config.evaluation.batch_size:
            return OTHER_SETTINGS  # numbers do not depend on it, but memory does
    return None


def _bytes(limit: int | None) -> float:
    return float("inf") if limit is None else limit
