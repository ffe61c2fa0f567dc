"""The facts of a comparison: what its page shows, as JSON-able values."""

import dataclasses
from typing import Any

import numpy as np

from experiments.comparison.compared import ComparedRuns
from experiments.comparison.config_difference import config_difference
from experiments.comparison.metric_words import measure_title, more_is_better, task_title
from experiments.comparison.words import correction, verdict
from model.evaluation.bootstrap import REPLICATES
from model.evaluation.comparison import SIGNIFICANCE, Comparison, MetricComparison
from reporting.console import short_path


def comparison_facts(compared: ComparedRuns) -> dict[str, Any]:
    """Returns everything that a page about a comparison shows.

    Args:
        compared: the runs.

    Returns:
        ``test`` (``digest``, ``sequences``, ``users``, ``groups``: what each is and its number of sequences),
        ``tests`` (``number``, ``significance``, ``replicates``, ``correction``), ``runs`` (``letter``, ``name``,
        ``run_id``, ``folder``, ``catalogue``), ``metrics`` (titles by name) and ``comparisons``, one for each run but
        the first: ``name``, ``letter``, ``verdict``, ``identical``, ``metrics``, ``groups`` and ``configuration``, the
        keys that differ, or None when a report is missing.
    """
    reference = compared.runs[0]
    shown = list(dict.fromkeys(metric for run in compared.comparisons.runs.values() for metric in run.metrics))
    groups, numbers = np.unique(reference.measured.groups, return_counts=True)
    sizes = dict(zip(groups.tolist(), numbers.tolist(), strict=True))
    return {
        "test": {
            "digest": reference.digest,
            "sequences": len(reference.measured.sequences),
            "users": len(np.unique(reference.measured.users)),
            "groups": {
                group: {"title": title, "sequences": sizes.get(group, 0)}
                for group, title in compared.group_titles.items()
            },
        },
        "tests": {
            "number": compared.comparisons.tests,
            "significance": SIGNIFICANCE,
            "replicates": REPLICATES,
            "correction": correction(compared.comparisons),
        },
        "runs": [
            {
                "letter": letter,
                "name": name,
                "run_id": run.run_id,
                "folder": short_path(run.folder),
                "catalogue": run.evaluation.get("catalogue"),
            }
            for letter, name, run in zip(compared.letters, compared.names, compared.runs, strict=True)
        ],
        "metrics": {
            metric: {
                "task": task_title(metric),
                "measure": measure_title(metric),
                "more_is_better": more_is_better(metric),
            }
            for metric in shown
        },
        "comparisons": [_comparison(compared, place) for place in range(1, len(compared.names))],
    }


def _comparison(compared: ComparedRuns, place: int) -> dict[str, Any]:
    name, run, reference = compared.names[place], compared.runs[place], compared.runs[0]
    comparison: Comparison = compared.comparisons.runs[name]
    configuration = None
    if reference.config is not None and run.config is not None:
        configuration = [
            {"key": key, "reference": ours, "other": theirs}
            for key, (ours, theirs) in config_difference(reference.config, run.config).items()
        ]
    return {
        "name": name,
        "letter": compared.letters[place],
        "verdict": verdict(compared.names[0], name, comparison),
        "identical": comparison.identical,
        "metrics": {metric: _difference(part) for metric, part in comparison.metrics.items()},
        "groups": {
            metric: {group: _difference(part) for group, part in parts.items()}
            for metric, parts in comparison.groups.items()
            if parts
        },
        "configuration": configuration,
    }


def _difference(part: MetricComparison) -> dict[str, Any]:
    content = dataclasses.asdict(part)
    p_value = content["difference"].pop("p_value")
    return {**content, "p_value": p_value, "equal": part.equal, "significant": part.significant}
