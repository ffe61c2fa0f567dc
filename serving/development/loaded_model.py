"""A version of a model, loaded and warmed up."""

import dataclasses
import os
import time
from collections.abc import Mapping
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2

from schemas.served_model import SERVING_DEFAULT
from serving.development.refusal import Reason, Refusal
from serving.development.signature import Signature
from serving.development.warmup import replay_warmup
from serving.saved_model import TAG, load_saved_model


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A version that can be asked.

    Attributes:
        version: its number.
        signatures: by name.
        load_seconds: how long loading and warming up took.
        root: what TensorFlow loaded; the signatures' variables live only as long as it does.
    """

    version: int
    signatures: Mapping[str, Signature]
    load_seconds: float
    root: Any = dataclasses.field(repr=False)

    def signature(self, name: str) -> Signature:
        """Returns a signature, `serving_default` for an empty name.

        Raises:
            Refusal: if there is none of that name.
        """
        signature = self.signatures.get(name or SERVING_DEFAULT)
        if signature is None:
            raise Refusal(
                Reason.UNKNOWN_SIGNATURE,
                f'Serving signature name "{name or SERVING_DEFAULT}" not found. Expected one of: '
                f"{sorted(self.signatures)}",
            )
        return signature


def load_model(folder: str, version: int) -> LoadedModel:
    """Loads a SavedModel and replays the warm-up requests that lie in it.

    Args:
        folder: that holds ``saved_model.pb``.
        version: its number.

    Raises:
        UnusableModelError: if the model is half copied or damaged, or needs ScaNN, which cannot be imported.
        ValueError: if a warm-up request is not answered.
    """
    began = time.monotonic()
    root = load_saved_model(folder)
    with open(os.path.join(folder, "saved_model.pb"), "rb") as file:
        graphs = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs
    # Loading refuses a model without the tag, so that there is one.
    definitions = next(graph.signature_def for graph in graphs if TAG in graph.meta_info_def.tags)
    signatures = {name: Signature(name, definitions[name], root.signatures[name]) for name in root.signatures}
    replay_warmup(folder, signatures)
    return LoadedModel(version, signatures, time.monotonic() - began, root)
