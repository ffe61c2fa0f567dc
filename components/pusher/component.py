"""Pusher: puts a blessed model where a server finds it, once."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import pusher_pb2
from tfx.types import channel, component_spec, standard_artifacts, standard_component_specs

from components import artifacts
from components.pusher import executor
from components.report.config import ItemNamesConfig


class PusherSpec(standard_component_specs.PusherSpec):
    """What goes in and comes out of Pusher: what TFX's Pusher takes and gives, the catalogue and the item names."""

    PARAMETERS = {
        **standard_component_specs.PusherSpec.PARAMETERS,
        "items": component_spec.ExecutionParameter(type=str),
        "names_fingerprint": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        **standard_component_specs.PusherSpec.INPUTS,
        "catalogue": component_spec.ChannelParameter(type=artifacts.Catalogue),
    }


class Pusher(base_component.BaseComponent):
    """Pushes a model as TFX's Pusher does, in three points with more care.

    - The model that is the newest version already is not pushed again: the same files, the table of item names
      included, make the same version. A run that is repeated evaluates anew, because its own model is the one to beat
      then, and would else push the same weights under a new number.
    - The number of a version is the time in seconds, but never less than one above the newest version's, so that a
      server which takes the highest number takes the latest model, whatever the clock says.
    - Where a table of item names is configured, the version gets the names of the catalogue's items
      (`schemas.served_model.ITEM_NAMES_FILE`). No step before Pusher reads the table: other names train no model anew.

    Args:
        model: the candidate.
        model_blessing: the verdict of RankingEvaluator.
        infra_blessing: the verdict of InfraValidator.
        catalogue: the items whose names are pushed.
        push_destination: the folder that gets one subfolder a version.
        items: the table of item names.
        names_fingerprint: a digest of that table; when it changes, a cached push is not used.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: channel.BaseChannel,
        model_blessing: channel.BaseChannel,
        infra_blessing: channel.BaseChannel,
        catalogue: channel.BaseChannel,
        push_destination: pusher_pb2.PushDestination,
        items: ItemNamesConfig,
        names_fingerprint: str | None = None,
    ):
        spec = PusherSpec(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            catalogue=catalogue,
            push_destination=push_destination,
            items=items.model_dump_json(),
            names_fingerprint=names_fingerprint,
            pushed_model=channel.OutputChannel(standard_artifacts.PushedModel, self, "pushed_model"),
        )
        super().__init__(spec=spec)
