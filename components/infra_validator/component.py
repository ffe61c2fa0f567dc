"""InfraValidator: asks a model in a fresh process, and blesses or refuses it."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components import artifacts
from components.infra_validator import executor

TIME_LIMIT = 300
"""Seconds; TFX's InfraValidator gives a model as long to load."""


class InfraValidatorSpec(component_spec.ComponentSpec):
    """Parameters, inputs and outputs of InfraValidator."""

    PARAMETERS = {"time_limit": component_spec.ExecutionParameter(type=int)}
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "catalogue": component_spec.ChannelParameter(type=artifacts.Catalogue),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {"blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing)}


class InfraValidator(base_component.BaseComponent):
    """Replaces TFX's InfraValidator, which starts a container, by one that starts a process.

    The process holds TensorFlow and nothing of this project or of Keras: it runs the graph alone, as a model server
    does. A model that cannot be loaded, does not answer or answers wrongly is refused; the step itself fails only when
    that cannot be found out.

    Args:
        examples: the output of SequenceExampleGen; requests are made from the test split.
        catalogue: the output of Catalogue, which holds the raw ids.
        model: the candidate.
        time_limit: seconds to start the process, to load the model and to answer all requests.
    """

    SPEC_CLASS = InfraValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        catalogue: channel.BaseChannel,
        model: channel.BaseChannel,
        time_limit: int = TIME_LIMIT,
    ):
        spec = InfraValidatorSpec(
            examples=examples,
            catalogue=catalogue,
            model=model,
            time_limit=time_limit,
            blessing=channel.OutputChannel(standard_artifacts.InfraBlessing, self, "blessing"),
        )
        super().__init__(spec=spec)
