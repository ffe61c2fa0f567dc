"""RankingEvaluator: measures a model on the test split, and blesses or refuses it."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components import artifacts
from components.ranking_evaluator import executor


class RankingEvaluatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of RankingEvaluator."""

    PARAMETERS = {
        "name": component_spec.ExecutionParameter(type=str),
        "candidate": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "catalogue": component_spec.ChannelParameter(type=artifacts.Catalogue),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class RankingEvaluator(base_component.BaseComponent):
    """Writes `evaluation.json`, `evaluation.txt` and `sequences.parquet`, and blesses the model for Pusher.

    Args:
        examples: output of SequenceExampleGen; its test split is read, and for the references its train split.
        catalogue: output of Catalogue, for the references.
        model: the candidate.
        name: name of the pipeline.
        candidate: name of the candidate beside other models: the title of its method.
        settings: JSON of `model.config.EvaluationConfig`.
        baseline_model: the last blessed model; None where there is none.
    """

    SPEC_CLASS = RankingEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        catalogue: channel.BaseChannel,
        model: channel.BaseChannel,
        name: str,
        candidate: str,
        settings: str,
        baseline_model: channel.BaseChannel | None = None,
    ):
        spec = RankingEvaluatorSpec(
            examples=examples,
            catalogue=catalogue,
            model=model,
            baseline_model=baseline_model,
            name=name,
            candidate=candidate,
            settings=settings,
            evaluation=channel.OutputChannel(standard_artifacts.ModelEvaluation, self, "evaluation"),
            blessing=channel.OutputChannel(standard_artifacts.ModelBlessing, self, "blessing"),
        )
        super().__init__(spec=spec)
