"""The work of StrictExampleValidator: TFX's validation, then an error that lists every anomaly."""

import os
from collections.abc import Iterator
from typing import Any

from absl import logging
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator import executor
from tfx.proto.orchestration import execution_result_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils

from components.artifacts import Artifacts
from schemas import sequences


class Executor(executor.Executor):
    """Validates as TFX does and raises when a split has anomalies or the train split has no examples."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> execution_result_pb2.ExecutorOutput:
        """See TFX's `Executor.Do`.

        Raises:
            ValueError: if there are anomalies; the message lists all of them, because TFX removes the outputs of a step
                that fails.
        """
        result = super().Do(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.ANOMALIES_KEY])
        found = [
            line
            for split in artifact_utils.decode_split_names(artifact.split_names)
            for line in _describe_anomalies(split, _read_anomalies(artifact, split))
        ]
        if found:
            raise ValueError(
                "\n  ".join([f"The examples do not fit the schema {os.path.basename(sequences.SCHEMA_FILE)}:", *found])
                + "\nCorrect the log or the settings of SequenceExampleGen that led to this; change the schema only "
                "if the examples are right and it is wrong."
            )
        return result


def _read_anomalies(artifact: types.Artifact, split: str) -> anomalies_pb2.Anomalies:
    folder = artifact_utils.get_split_uri([artifact], split)
    content = io_utils.read_bytes_file(os.path.join(folder, executor.DEFAULT_FILE_NAME))
    return anomalies_pb2.Anomalies.FromString(content)


def _describe_anomalies(split: str, anomalies: anomalies_pb2.Anomalies) -> Iterator[str]:
    """Yields one line for each anomaly of a split."""
    # Without examples TFDV finds no anomaly, whatever the schema demands, and only sets `data_missing`. The val and
    # test splits may be empty, with small data or a weight of 0; without a train split nothing can be trained.
    if anomalies.data_missing:
        if split == sequences.TRAIN:
            yield f"split {split}: no examples at all; check windows.cutoffs, min_history, min_future against the log"
        else:
            logging.warning("Split %s has no examples, so nothing in it was validated.", split)
    for feature, info in sorted(anomalies.anomaly_info.items()):
        yield f"split {split}, feature {feature}: {info.short_description}. {info.description}"
    if anomalies.HasField("dataset_anomaly_info"):
        info = anomalies.dataset_anomaly_info
        yield f"split {split}, all examples: {info.short_description}. {info.description}"
