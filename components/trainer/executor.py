"""The work of Trainer: TFX's generic executor, told about catalogue and sizes."""

import json
from typing import Any

from tfx import types
from tfx.components.trainer import executor as trainer_executor
from tfx.types import artifact_utils

from schemas import sequences


class Executor(trainer_executor.GenericExecutor):
    """Runs `run_fn` with two more entries in its `custom_config`.

    ``catalogue_uri`` is the catalogue's folder; ``sequences`` maps each split to its number of sequences.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See TFX's `GenericExecutor.Do`."""
        custom_config = json.loads(exec_properties["custom_config"])
        custom_config["catalogue_uri"] = artifact_utils.get_single_uri(input_dict["catalogue"])
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        custom_config["sequences"] = {
            split: examples.get_int_custom_property(f"sequences_{split}") for split in sequences.SPLITS
        }
        super().Do(input_dict, output_dict, {**exec_properties, "custom_config": json.dumps(custom_config)})
