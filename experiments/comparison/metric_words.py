"""Metrics and differences in words."""

from collections.abc import Iterable

from model.evaluation.comparison import MetricComparison
from reporting import titles
from schemas.evaluation import Estimate


def task_title(metric: str) -> str:
    """Returns what is asked, in words.

    >>> task_title("next_item/recall@10")
    'next item'
    """
    return metric.partition("/")[0].replace("_", " ")


def measure_title(metric: str) -> str:
    """Returns how it is measured, in words.

    >>> measure_title("next_item/recall@10"), measure_title("next_item/mrr")
    ('Recall@10', 'MRR')
    """
    return titles.metric_title(metric.partition("/")[2])


def metric_title(metric: str) -> str:
    """Returns a metric in words, as in ``next item Recall@10``."""
    return f"{task_title(metric)} {measure_title(metric)}"


def kind_of(metric: str) -> str:
    """Returns the metric without task and k: ``recall`` of ``next_item/recall@10``."""
    return metric.partition("/")[2].partition("@")[0]


def cutoff_of(metric: str) -> int:
    """Returns the k of a metric; 0 if it has none."""
    k = metric.rpartition("@")[2]
    return int(k) if k.isdigit() else 0


def more_is_better(metric: str) -> bool:
    """Tells whether a higher value is a better one."""
    return not titles.is_neutral(metric.partition("/")[2])


def headline(metrics: Iterable[str]) -> str:
    """Returns the metric that the verdict is about: Recall of the first task at the largest k, or else the first."""
    metrics = list(metrics)
    recalls = [metric for metric in metrics if kind_of(metric) == "recall"]
    first = [metric for metric in recalls if metric.partition("/")[0] == recalls[0].partition("/")[0]]
    return max(first, key=cutoff_of) if first else metrics[0]


def with_interval(estimate: Estimate, sign: str = "") -> str:
    """Writes an estimate and its interval.

    >>> with_interval(Estimate(0.0049, 0.0021, 0.0077), "+")
    '+0.0049 [+0.0021, +0.0077]'
    """
    if estimate.low is None:
        return f"{estimate.value:{sign}z.4f}"
    return f"{estimate.value:{sign}z.4f} [{estimate.low:{sign}z.4f}, {estimate.high:{sign}z.4f}]"


def relation(metric: str, difference: MetricComparison) -> str:
    """Returns how a run whose difference is significant stands to the reference: better, worse, higher or lower."""
    words = ("better", "worse") if more_is_better(metric) else ("higher", "lower")
    return words[0] if difference.difference.value > 0 else words[1]
