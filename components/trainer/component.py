"""Trainer: TFX's Trainer with one more input, the catalogue."""

import json

from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import trainer_pb2
from tfx.types import channel, component_spec, standard_artifacts
from tfx.utils import proto_utils

from components import artifacts
from components.trainer import executor
from model.job import TrainingJob
from schemas import sequences


class TrainerSpec(component_spec.ComponentSpec):
    """TFX's Trainer specification, less what is not used, and the catalogue."""

    PARAMETERS = {
        "train_args": component_spec.ExecutionParameter(type=str, optional=True),
        "eval_args": component_spec.ExecutionParameter(type=str, optional=True),
        "run_fn": component_spec.ExecutionParameter(type=str),
        "custom_config": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "catalogue": component_spec.ChannelParameter(type=artifacts.Catalogue),
    }
    OUTPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }


class Trainer(base_component.BaseComponent):
    """Trains on the train split, stops early on the val split, and exports a SavedModel.

    Args:
        examples: examples from SequenceExampleGen.
        catalogue: catalogues from Catalogue.
        run_fn: dotted path of the training function, as in ``model.trainer.run_fn``.
        job: what to train and how; its digest of the source code keeps a change of code from being answered from the
            cache.
    """

    SPEC_CLASS = TrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, examples: channel.BaseChannel, catalogue: channel.BaseChannel, run_fn: str, job: TrainingJob):
        spec = TrainerSpec(
            examples=examples,
            catalogue=catalogue,
            train_args=proto_utils.proto_to_json(trainer_pb2.TrainArgs(splits=[sequences.TRAIN])),
            eval_args=proto_utils.proto_to_json(trainer_pb2.EvalArgs(splits=[sequences.VALIDATION])),
            run_fn=run_fn,
            custom_config=json.dumps(job.to_json(), sort_keys=True),
            model=channel.OutputChannel(standard_artifacts.Model, self, "model"),
            model_run=channel.OutputChannel(standard_artifacts.ModelRun, self, "model_run"),
        )
        super().__init__(spec=spec)
