"""What the process of a cell is asked to do, what it says meanwhile, and what it leaves in the cell's folder."""

import dataclasses
from typing import Literal

from pipeline.experiment.cell import Cell
from pipeline.experiment.data import Data

STAGE: Literal["stage"] = "stage"
"""Comes with a phrase that says where the work is, as in "in training epoch 3"."""
EPOCH: Literal["epoch"] = "epoch"
"""Comes with an entry of `training.json`, and waits for True, to go on, or False, to stop."""
MONITOR = "val_next_item_ndcg@10"
"""What such an entry is judged by, if there is a validation split."""
# The last message is a status of `pipeline.experiment.cell`. Finished comes with what was measured, failed and out of
# memory with what the exception said.

LOG_FILE = "run.log"
MODEL_FOLDER = "model"
TRAINED_FILE = "trained.json"
"""Written when the model is: a cell that is killed later needs only to be measured."""
CHECKPOINTS_FOLDER = "checkpoints"
RUN_FOLDER = "training"
"""For `training.json` and TensorBoard."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What is to be done.

    Attributes:
        cell: what is trained.
        data: on what.
        folder: of the cell.
        source_digest: of the code.
        evaluate: whether the model is measured, too.
    """

    cell: Cell
    data: Data
    folder: str
    source_digest: str
    evaluate: bool
