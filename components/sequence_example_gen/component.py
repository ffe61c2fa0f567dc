"""SequenceExampleGen: from an event log to sequence examples."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components import artifacts
from components.sequence_example_gen import executor


class SequenceExampleGenSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of SequenceExampleGen."""

    PARAMETERS = {
        "settings": component_spec.ExecutionParameter(type=str),
        "input_fingerprint": component_spec.ExecutionParameter(type=str, optional=True),
        "salt_fingerprint": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS: dict = {}
    OUTPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "id_map": component_spec.ChannelParameter(type=artifacts.IdMap),
        "rejects": component_spec.ChannelParameter(type=artifacts.RejectedRows),
    }


class SequenceExampleGen(base_beam_component.BaseBeamComponent):
    """Reads a log with Beam, cuts histories and futures, and writes gzipped TFRecords in three splits.

    Args:
        settings: JSON of `components.sequence_example_gen.config.IngestSettings`.
        input_fingerprint: digest of the log's files; when it changes, a cached result is not used.
        salt_fingerprint: digest of the salt that users are hashed with; likewise.
    """

    SPEC_CLASS = SequenceExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(self, settings: str, input_fingerprint: str | None = None, salt_fingerprint: str | None = None):
        spec = SequenceExampleGenSpec(
            settings=settings,
            input_fingerprint=input_fingerprint,
            salt_fingerprint=salt_fingerprint,
            examples=channel.OutputChannel(standard_artifacts.Examples, self, "examples"),
            id_map=channel.OutputChannel(artifacts.IdMap, self, "id_map"),
            rejects=channel.OutputChannel(artifacts.RejectedRows, self, "rejects"),
        )
        super().__init__(spec=spec)
