"""Catalogue: which items and scenes can be predicted, and how often they occurred."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components import artifacts
from components.catalogue import executor


class CatalogueSpec(component_spec.ComponentSpec):
    """What goes in and comes out of Catalogue."""

    PARAMETERS: dict = {}
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "id_map": component_spec.ChannelParameter(type=artifacts.IdMap),
    }
    OUTPUTS = {"catalogue": component_spec.ChannelParameter(type=artifacts.Catalogue)}


class Catalogue(base_beam_component.BaseBeamComponent):
    """Counts items and scenes with Beam and writes `items.parquet` and `scenes.parquet` (`schemas.catalogue`).

    Args:
        examples: what SequenceExampleGen wrote; the train split alone is read, so that nothing of the validation
            and test sequences reaches a vocabulary or a popularity.
        id_map: what the same run of it wrote.
    """

    SPEC_CLASS = CatalogueSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(self, examples: channel.BaseChannel, id_map: channel.BaseChannel):
        spec = CatalogueSpec(
            examples=examples,
            id_map=id_map,
            catalogue=channel.OutputChannel(artifacts.Catalogue, self, "catalogue"),
        )
        super().__init__(spec=spec)
