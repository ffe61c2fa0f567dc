"""Asks a pushed model, in this process, what a user with a given history wants next."""

import os
import warnings
from typing import Any

from serving.error_text import first_line
from serving.recommendations import Question, Recommendations
from serving.saved_model import UnusableModelError, load_saved_model
from serving.version_folders import find_versions


def find_version(model: str) -> str:
    """Returns the folder of a SavedModel, given that folder or the one that holds its versions.

    Raises:
        FileNotFoundError: if there is no model.
    """
    if os.path.isfile(os.path.join(model, "saved_model.pb")):
        return model
    versions = find_versions(model)
    if not versions:
        raise FileNotFoundError(
            f"--model: no SavedModel in {model!r}; expected saved_model.pb, or folders of versions such as 1732406400 "
            "that hold it. A run prints where it pushed its model"
        )
    return versions[max(versions)]


def recommend(model: str, question: Question, top: int) -> Recommendations:
    """Loads a model and asks it.

    Args:
        model: folder of a SavedModel, or of its versions, of which the latest is taken.
        question: what to ask.
        top: how many to return at most; the model itself returns a fixed number.

    Raises:
        FileNotFoundError: if there is no model.
        UnusableModelError: if it cannot be loaded here, lacks what is asked for, or answers with something else.
    """
    folder = find_version(model)
    loaded = _load(folder)
    if question.signature not in loaded.signatures:
        raise UnusableModelError(
            f"--model: {folder} has no signature {question.signature!r}, only {sorted(loaded.signatures)}. It was "
            "exported by an older version of this project: run the pipeline again"
        )
    import tensorflow as tf

    inputs = {name: tf.constant(rows) for name, rows in question.inputs().items()}
    try:
        outputs = loaded.signatures[question.signature](**inputs)
        return Recommendations.from_outputs({name: _plain(tensor) for name, tensor in outputs.items()}, top)
    except Exception as error:  # a foreign model raises anything
        raise UnusableModelError(
            f"--model: {folder} did not answer with recommendations ({first_line(error)}). Is it a model of this "
            "project? A run prints where it pushed its model"
        ) from error


def _load(folder: str) -> Any:
    # What libraries say about the machine while they are imported helps nobody here; errors are exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow  # noqa: F401
    try:
        return load_saved_model(folder)
    except UnusableModelError as error:
        raise UnusableModelError(f"--model: {error}") from error


def _plain(tensor: Any) -> list[Any]:
    values = tensor.numpy()
    if values.dtype == object:  # strings
        return [[raw_id.decode("utf-8") for raw_id in row] for row in values]
    return values.tolist()
