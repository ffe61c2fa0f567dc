"""The requests that a version is asked before it is served."""

import os
from collections.abc import Mapping

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from schemas.served_model import SERVING_DEFAULT, WARMUP_FILE
from serving.development.limits import Limits
from serving.development.proto_tensors import arrays_from_protos
from serving.development.refusal import Refusal
from serving.development.signature import Signature


def replay_warmup(folder: str, signatures: Mapping[str, Signature]) -> int:
    """Asks a model its warm-up requests, so that no user waits for the first call.

    Logs of other calls than ``Predict`` are passed over: this server does not answer those.

    Args:
        folder: of the SavedModel; without the file nothing happens.
        signatures: of the loaded model.

    Returns:
        How many requests were answered.

    Raises:
        ValueError: if one was not.
    """
    path = os.path.join(folder, WARMUP_FILE)
    if not os.path.exists(path):
        return 0
    answered = 0
    for place, record in enumerate(tf.data.TFRecordDataset(path).as_numpy_iterator(), start=1):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        if not log.HasField("predict_log"):
            continue
        request = log.predict_log.request
        name = request.model_spec.signature_name or SERVING_DEFAULT
        try:
            if name not in signatures:
                raise ValueError(f"no signature {name!r}")
            signatures[name].run(arrays_from_protos(request.inputs, Limits()), request.output_filter)
        except (Refusal, ValueError) as error:
            raise ValueError(f"{WARMUP_FILE}: request {place} was not answered: {error}") from error
        answered += 1
    return answered
