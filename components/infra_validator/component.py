"""InfraValidator: loads a model and asks it in a fresh process, and blesses it or refuses."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components import artifacts
from components.infra_validator import executor

TIME_LIMIT = 300
"""Seconds; TFX gives its own InfraValidator as long to load a model."""


class InfraValidatorSpec(component_spec.ComponentSpec):
    """What goes in and comes out of InfraValidator."""

    PARAMETERS = {"time_limit": component_spec.ExecutionParameter(type=int)}
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "catalogue": component_spec.ChannelParameter(type=artifacts.Catalogue),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {"blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing)}


class InfraValidator(base_component.BaseComponent):
    """Does for Pusher what TFX's InfraValidator does, in a process where that starts a container.

    The process has TensorFlow's C++ loader, as a model server has, and no Python behind the graph. A model that cannot
    be loaded, does not answer or answers wrongly is refused; the step itself fails only when that cannot be found out.

    Args:
        examples: what SequenceExampleGen wrote; requests are made from the test split.
        catalogue: what Catalogue wrote, for the raw ids.
        model: the candidate.
        time_limit: seconds to load the model and to answer all requests.
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
