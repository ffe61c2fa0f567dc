"""Report: one page about a run, for people."""

import json
from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components import artifacts
from components.report import executor


class ReportSpec(component_spec.ComponentSpec):
    """What goes in and comes out of Report."""

    PARAMETERS = {
        "name": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "config": component_spec.ExecutionParameter(type=str),
        "source_digests": component_spec.ExecutionParameter(type=str),
        "names_fingerprint": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "id_map": component_spec.ChannelParameter(type=artifacts.IdMap),
        "catalogue": component_spec.ChannelParameter(type=artifacts.Catalogue),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=artifacts.Report)}


class Report(base_component.BaseComponent):
    """Gathers what the steps before it have found, and writes `report.json` and `report.html`.

    It does not wait for Pusher: a model that was refused is reported on as well.

    Args:
        examples: what SequenceExampleGen wrote.
        statistics: what StatisticsGen wrote about them.
        id_map: what the same run of SequenceExampleGen wrote, for ids that no train sequence has.
        catalogue: what Catalogue wrote.
        model: what Trainer exported.
        model_run: what Trainer kept of the training.
        evaluation: what RankingEvaluator wrote about that model.
        name: of the run.
        settings: JSON of `components.report.config.ReportConfig`.
        config: JSON-able configuration of the whole run, which is shown and nothing else.
        source_digests: digest of the code of each component by its id, shown likewise.
        names_fingerprint: a digest of the table of item names; when it changes, a cached report is not used.
    """

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: channel.BaseChannel,
        statistics: channel.BaseChannel,
        id_map: channel.BaseChannel,
        catalogue: channel.BaseChannel,
        model: channel.BaseChannel,
        model_run: channel.BaseChannel,
        evaluation: channel.BaseChannel,
        name: str,
        settings: str,
        config: Mapping[str, Any],
        source_digests: Mapping[str, str],
        names_fingerprint: str | None = None,
    ):
        spec = ReportSpec(
            examples=examples,
            statistics=statistics,
            id_map=id_map,
            catalogue=catalogue,
            model=model,
            model_run=model_run,
            evaluation=evaluation,
            name=name,
            settings=settings,
            config=json.dumps(config),  # in the order in which people wrote it
            source_digests=json.dumps(source_digests, sort_keys=True),
            names_fingerprint=names_fingerprint,
            report=channel.OutputChannel(artifacts.Report, self, "report"),
        )
        super().__init__(spec=spec)
