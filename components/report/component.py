"""Report: one page about a run, for people."""

import json
from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components import artifacts
from components.report import executor


class ReportSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Report."""

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
    """Gathers the results of the steps before it, and writes `report.json` and `report.html`.

    Report does not wait for Pusher: it reports on a refused model as well.

    Args:
        examples: sequence examples that SequenceExampleGen wrote.
        statistics: statistics that StatisticsGen wrote about the examples.
        id_map: id map of the same run of SequenceExampleGen, for ids that no train sequence has.
        catalogue: catalogues that Catalogue wrote.
        model: model that Trainer exported.
        model_run: history of the training that Trainer kept.
        evaluation: evaluation of that model that RankingEvaluator wrote.
        name: name of the run.
        settings: JSON of `components.report.config.ReportConfig`.
        config: configuration of the whole run, as JSON can hold it; shown on the page.
        source_digests: digest of the code of each component, by the component's id; shown on the page.
        names_fingerprint: digest of the table of item names; when it changes, a cached report is not used.
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
