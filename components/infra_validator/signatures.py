"""The signatures of a SavedModel, and what each is asked."""

import dataclasses
import os
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from google.protobuf import message
from tensorflow.core.protobuf import saved_model_pb2

from components.infra_validator.histories import Histories
from components.infra_validator.refusal import RefusedError
from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS
from schemas.served_model import (
    EMBED_USERS,
    EXAMPLES,
    EXCLUDE_ITEM_IDS,
    RECOMMEND_UNSEEN,
    SERVING_DEFAULT,
    SERVING_EXAMPLES,
)

REQUIRED = (SERVING_DEFAULT, SERVING_EXAMPLES)
"""Without these a model cannot be served."""

KNOWN = {
    SERVING_DEFAULT: {HISTORY_ITEM_IDS, HISTORY_SCENE_IDS},
    SERVING_EXAMPLES: {EXAMPLES},
    RECOMMEND_UNSEEN: {HISTORY_ITEM_IDS, HISTORY_SCENE_IDS, EXCLUDE_ITEM_IDS},
    EMBED_USERS: {HISTORY_ITEM_IDS, HISTORY_SCENE_IDS},
}
"""The inputs of each signature that can be asked."""

_TAG = "serve"


@dataclasses.dataclass(frozen=True)
class Signature:
    """A signature of a SavedModel.

    Attributes:
        name: of the signature.
        inputs: name of the tensor of each input.
        outputs: name of the tensor of each output.
    """

    name: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def read_signatures(folder: str) -> list[Signature]:
    """Returns those signatures of a SavedModel that can be asked, from the model itself.

    Raises:
        RefusedError: if there is no SavedModel, it lacks one of `REQUIRED`, or one takes other inputs than it should.
    """
    path = os.path.join(folder, "saved_model.pb")
    if not tf.io.gfile.exists(path):
        raise RefusedError("it is no SavedModel: it has no saved_model.pb")
    with tf.io.gfile.GFile(path, "rb") as file:
        content = file.read()
    try:
        graphs = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    except message.DecodeError as error:
        raise RefusedError("it is no SavedModel: its saved_model.pb cannot be read") from error
    graph = next((graph for graph in graphs if _TAG in graph.meta_info_def.tags), None)
    if graph is None:
        raise RefusedError(f"its saved_model.pb has no graph with the tag {_TAG!r}")
    missing = [name for name in REQUIRED if name not in graph.signature_def]
    if missing:
        raise RefusedError(f"it has no signature {' and no signature '.join(missing)}")
    signatures = [_signature(name, graph.signature_def[name]) for name in KNOWN if name in graph.signature_def]
    for signature in signatures:
        if set(signature.inputs) != KNOWN[signature.name]:
            raise RefusedError(
                f"{signature.name} takes {sorted(signature.inputs)}, where {sorted(KNOWN[signature.name])} is expected"
            )
    return signatures


def inputs_of(
    signature: str, histories: Histories, exclude: npt.NDArray[np.object_]
) -> dict[str, npt.NDArray[np.object_]]:
    """Returns what to ask a signature about some histories, bytes, by the name of the input.

    Args:
        signature: one of `KNOWN`.
        histories: of one request.
        exclude: bytes [n], the items that every user wants left out, where they can be.
    """
    columns = {HISTORY_ITEM_IDS: histories.item_ids, HISTORY_SCENE_IDS: histories.scene_ids}
    if signature == SERVING_EXAMPLES:
        rows = zip(*columns.values(), strict=True)
        examples = [_example(dict(zip(columns, row, strict=True))) for row in rows]
        return {"examples": np.array(examples, object)}
    if signature == RECOMMEND_UNSEEN:
        columns[EXCLUDE_ITEM_IDS] = np.tile(exclude, [len(histories.names), 1])
    return columns


def _signature(name: str, definition: message.Message) -> Signature:
    inputs, outputs = (
        {key: tensor.name for key, tensor in tensors.items()} for tensors in (definition.inputs, definition.outputs)
    )
    return Signature(name, inputs, outputs)


def _example(row: Mapping[str, npt.NDArray[np.object_]]) -> bytes:
    example = tf.train.Example()
    for name, ids in row.items():
        example.features.feature[name].bytes_list.value.extend(raw_id for raw_id in ids if raw_id)
    return example.SerializeToString()
