"""The work of Trainer: TFX's generic executor, with a job completed from the input artifacts."""

import dataclasses
import json
from typing import Any

from tfx.components.trainer import executor as trainer_executor
from tfx.types import artifact_utils

from components.artifacts import Artifacts
from model.job import TrainingJob
from schemas import sequences


class Executor(trainer_executor.GenericExecutor):
    """Runs `run_fn` on a `TrainingJob` with what only the input artifacts know, catalogues and sizes of splits."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """See TFX's `GenericExecutor.Do`."""
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        job = dataclasses.replace(
            TrainingJob.from_json(json.loads(exec_properties["custom_config"])),
            catalogue_uri=artifact_utils.get_single_uri(input_dict["catalogue"]),
            sequences={split: examples.get_int_custom_property(f"sequences_{split}") for split in sequences.SPLITS},
        )
        super().Do(input_dict, output_dict, {**exec_properties, "custom_config": json.dumps(job.to_json())})
