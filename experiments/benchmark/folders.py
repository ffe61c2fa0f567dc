"""Where a benchmark and its cells lie: what depends on the settings says so in its name, so nothing is mixed up."""

import dataclasses
import glob
import os
from collections.abc import Sequence

from experiments.runs.dataset import Dataset
from experiments.runs.run import Run, run_key
from pipeline.config import PipelineConfig
from pipeline.workspace import make_workspace

FOLDER = "benchmark"
CELLS_FOLDER = "cells"
_KEY_LENGTH = 8


def benchmark_folder(config: PipelineConfig) -> str:
    """Makes the folder of a pipeline's benchmark, unless it is there, and returns it.

    Raises:
        UserError: if it is not on this machine, or nothing can be written there.
    """
    folder = os.path.join(make_workspace(config), FOLDER)
    os.makedirs(folder, exist_ok=True)
    return folder


def cell_folder(folder: str, cell: Run) -> str:
    """Returns the folder of a cell in that of its benchmark."""
    return os.path.join(folder, CELLS_FOLDER, cell.name)


def folders_of_other_keys(folder: str, cell: Run) -> list[str]:
    """Returns the folders of the same cell with other data or settings.

    Args:
        folder: of the benchmark.
        cell: from `named_by_key`.
    """
    name = glob.escape(cell.name[:-_KEY_LENGTH])
    found = glob.glob(os.path.join(glob.escape(folder), CELLS_FOLDER, name + "[0-9a-f]" * _KEY_LENGTH))
    return sorted(set(found) - {cell_folder(folder, cell)})


def named_by_key(cells: Sequence[Run], data: Dataset) -> list[Run]:
    """Adds to each name what tells the cell from the same one with other data or settings."""
    return [dataclasses.replace(cell, name=f"{cell.name}-{run_key(cell, data.digest)[:_KEY_LENGTH]}") for cell in cells]
