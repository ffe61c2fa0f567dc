"""The job of one training, which `model.trainer.run_fn` does, and the JSON that TFX carries as `custom_config`."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from model.config import ModelConfig, ServingConfig, TrainingConfig


@dataclasses.dataclass(frozen=True)
class TrainingJob:
    """What is trained and how; which files it is trained on, and where the model goes, TFX's `FnArgs` say.

    Attributes:
        name: name of the served model.
        model: the method and its network.
        training: how the network is trained, or what a statistical method counts.
        serving: how the served model finds the best items.
        max_history: most events of a history.
        checkpoint_dir: folder that outlives a killed run, for the states that a resumed run goes on from.
        source_digest: digest of the code that trains, so that a run of other code is neither resumed nor answered from
            the cache.
        catalogue_uri: folder of the catalogues; empty until the step that trains begins.
        sequences: number of sequences of each split; empty until the step that trains begins.
    """

    name: str
    model: ModelConfig
    training: TrainingConfig
    serving: ServingConfig
    max_history: int
    checkpoint_dir: str
    source_digest: str = ""
    catalogue_uri: str = ""
    sequences: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the job as values that JSON can hold."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        configs = {name: values[name].model_dump(mode="json") for name in ("model", "training", "serving")}
        return {**values, **configs, "sequences": dict(self.sequences)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TrainingJob":
        """Reads what `to_json` returned.

        Raises:
            TypeError: if a value is missing or unknown.
            pydantic.ValidationError: if a value of a configuration is not allowed.
        """
        return cls(
            **{
                **values,
                "model": ModelConfig.model_validate(values["model"]),
                "training": TrainingConfig.model_validate(values["training"]),
                "serving": ServingConfig.model_validate(values["serving"]),
            }
        )
