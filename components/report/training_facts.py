"""What was measured in training."""

import json
import os
from typing import Any

import tensorflow as tf

from model.training.callbacks import TRAINING_FILE


def read_training(folder: str) -> dict[str, Any]:
    """Reads the history that the training wrote into Trainer's `model_run`; empty where it kept none.

    Returns:
        ``epochs``, ``best_epoch``, ``monitor`` and ``parameters``.
    """
    path = os.path.join(folder, TRAINING_FILE)
    if not tf.io.gfile.exists(path):
        return {"epochs": [], "best_epoch": None, "monitor": None, "parameters": None}
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read())
