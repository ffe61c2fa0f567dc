"""A comparison in plain sentences."""

from collections.abc import Iterable

from model.evaluation.comparison import SIGNIFICANCE, Comparison, Comparisons, MetricComparison
from reporting.numbers import format_estimate
from reporting.titles import full_title, is_neutral

FEW_USERS = 30
"""With fewer, neither a bootstrap nor a t-test can be relied on."""


def tell_verdict(reference: str, name: str, comparison: Comparison) -> list[str]:
    """Says how a run compares with the reference.

    Args:
        reference: name of the reference.
        name: name of the run.
        comparison: comparison of the two, with p-values adjusted.

    Returns:
        Sentences: first on the main metric, then on all metrics, then what to beware of.
    """
    if not comparison.metrics:
        return [f"{name} and {reference} measured no sequence by the same metric."]
    if comparison.identical:
        return [f"{name} and {reference} are identical: no metric differs for any sequence."]
    main = find_headline(comparison.metrics)
    sentences = [_tell_metric(main, reference, name, comparison.metrics[main])]
    if len(comparison.metrics) > 1:
        sentences.append(_tell_all(comparison))
    return sentences + _tell_caveats(comparison)


def tell_correction(comparisons: Comparisons) -> str:
    """Says how many tests were made, and what was done about their number."""
    if not comparisons.tests:
        return "No difference was tested: that takes at least two users."
    number = f"{comparisons.tests:,}"
    return (
        f"{number} comparisons were made, so a p-value below {SIGNIFICANCE} alone means little: significant is what "
        f"stays below {SIGNIFICANCE} after Holm's correction for all {number}."
    )


def _tell_metric(metric: str, reference: str, name: str, part: MetricComparison) -> str:
    title, amount = full_title(metric), format_estimate(part.difference, "difference")
    if part.identical:
        return f"{name} and {reference} are equal on {title} for every sequence."
    if part.significant:
        return f"{name} is {_relate(metric, part)} than {reference} on {title}: {amount}."
    if part.p_value is not None and part.p_value < SIGNIFICANCE:
        return (
            f"{name} may be {_relate(metric, part)} than {reference} on {title}, but that is not certain after "
            f"correction for the number of comparisons: {amount}."
        )
    return f"No difference between {name} and {reference} is shown on {title}: {amount}."


def _tell_all(comparison: Comparison) -> str:
    significant = {metric: part for metric, part in comparison.metrics.items() if part.significant}
    if not significant:
        return f"Of {len(comparison.metrics)} metrics, none differs significantly."
    counts = {
        word: sum(_relate(metric, part) == word for metric, part in significant.items())
        for word in ("better", "worse", "higher", "lower")
    }
    # "Better" and "worse" are always said, "higher" and "lower" only where there are such metrics.
    said = [f"{count} {word}" for word, count in counts.items() if count or word in ("better", "worse")]
    note = "" if all(map(more_is_better, significant)) else " (of novelty, more is neither better nor worse)"
    total = len(comparison.metrics)
    rest = f"; on {total - len(significant)} no significant difference" if len(significant) < total else ""
    return f"Of {total} metrics, {', '.join(said)}{note}{rest}."


def _tell_caveats(comparison: Comparison) -> list[str]:
    sentences = []
    users = max(part.users for part in comparison.metrics.values())
    if users < FEW_USERS:
        sentences.append(f"Beware: {users} test users are too few to rely on intervals and p-values.")
    by_one = max(part.measured_by_one for part in comparison.metrics.values())
    if by_one:
        sentences.append(
            f"Up to {by_one:,} sequences were measured by one of the two alone, because their histories differ; each "
            "metric leaves those out."
        )
    return sentences


def _relate(metric: str, part: MetricComparison) -> str:
    """Returns how a run whose difference is significant stands to the reference: better, worse, higher or lower."""
    words = ("better", "worse") if more_is_better(metric) else ("higher", "lower")
    return words[0] if part.difference.value > 0 else words[1]


def find_headline(metrics: Iterable[str]) -> str:
    """Returns the metric that the verdict is about: Recall of the first task at the largest k, or else the first."""
    metrics = list(metrics)
    recalls = [metric for metric in metrics if get_kind(metric) == "recall"]
    first = [metric for metric in recalls if metric.partition("/")[0] == recalls[0].partition("/")[0]]
    return max(first, key=get_cutoff) if first else metrics[0]


def get_kind(metric: str) -> str:
    """Returns the metric without task and k: ``recall`` for ``next_item/recall@10``."""
    return metric.partition("/")[2].partition("@")[0]


def get_cutoff(metric: str) -> int:
    """Returns the k of a metric; 0 if it has none."""
    k = metric.rpartition("@")[2]
    return int(k) if k.isdigit() else 0


def more_is_better(metric: str) -> bool:
    """Returns whether a higher value is a better one."""
    return not is_neutral(metric.partition("/")[2])
