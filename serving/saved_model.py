"""The one loader of SavedModels, for whatever asks a model in its own process."""

import json
import os
from collections.abc import Mapping
from typing import Any

from schemas.errors import UserError
from schemas.sequences import HISTORY_TIMESTAMPS
from schemas.served_model import EXACT, REQUEST_TIME, RETRIEVAL_FILE, RetrievalDescription
from serving.error_text import summarize_error

TAG = "serve"
"""The tag of the graph that a model server loads."""


class UnusableModelError(UserError):
    """A SavedModel that cannot be asked; the message says what to do."""


def read_retrieval(folder: str) -> RetrievalDescription:
    """Returns how the model in a folder finds items; `EXACT` for a SavedModel without a `RETRIEVAL_FILE`."""
    exists, open_file = os.path.exists, open
    if "://" in folder:  # only a remote folder is worth the seconds that TensorFlow takes to be imported
        import tensorflow as tf

        exists, open_file = tf.io.gfile.exists, tf.io.gfile.GFile
    path = os.path.join(folder, RETRIEVAL_FILE)
    if not exists(path):
        return EXACT
    with open_file(path) as file:
        return RetrievalDescription.from_json(json.loads(file.read()))


def needs_scann(folder: str) -> bool:
    """Tells whether a model finds its items with ScaNN, whose operation TensorFlow and TensorFlow Serving lack."""
    try:
        return read_retrieval(folder).method == "scann"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # a half-copied file
        return False


def load_saved_model(folder: str) -> Any:
    """Loads a SavedModel, with the operations that it needs beside TensorFlow's own.

    Args:
        folder: folder that holds ``saved_model.pb``, on any filesystem of TensorFlow.

    Returns:
        The object that `tf.saved_model.load` makes; its variables live only as long as it does.

    Raises:
        UnusableModelError: if the model needs ScaNN, which cannot be imported, or if it is half copied or damaged.
    """
    import tensorflow as tf

    if needs_scann(folder):
        try:
            import scann  # noqa: F401  (importing it registers its operations)
        except Exception as error:  # a build for another TensorFlow raises TensorFlow's own errors
            raise UnusableModelError(
                f"{folder} cannot be loaded: it finds items with ScaNN, which cannot be imported ({error}). Where "
                'TensorFlow is 2.16, install it: pip install "dspnet[scann]". There is no ScaNN for TensorFlow 2.21'
            ) from error
    try:
        return tf.saved_model.load(folder, tags=[TAG])
    except Exception as error:  # a broken SavedModel raises anything
        raise UnusableModelError(
            f"{folder} cannot be loaded ({summarize_error(error)}). It may be half copied or damaged: wait for the "
            "copy to end, copy it again, or give the folder of another version"
        ) from error


def ask_signature(loaded: Any, name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Asks a signature of a loaded model; times that are not given are unknown.

    TensorFlow Serving reads such defaults from the SavedModel; Python's functions of signatures know none.

    Args:
        loaded: a model from `load_saved_model`.
        name: name of the signature.
        inputs: a tensor for each input, but for those that may be left out.
    """
    import tensorflow as tf

    function = loaded.signatures[name]
    _, specs = function.structured_input_signature
    missing = {key: specs[key] for key in (HISTORY_TIMESTAMPS, REQUEST_TIME) if key in specs and key not in inputs}
    return function(**inputs, **{key: tf.zeros([0] * spec.shape.rank, spec.dtype) for key, spec in missing.items()})
