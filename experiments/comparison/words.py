"""The verdict on a comparison, in plain words."""

from experiments.comparison.metric_words import headline, metric_title, more_is_better, relation, with_interval
from model.evaluation.comparison import SIGNIFICANCE, Comparison, Comparisons, MetricComparison

FEW_USERS = 30
"""With fewer, neither a bootstrap nor a t-test can be relied on."""


def verdict(reference: str, name: str, comparison: Comparison) -> list[str]:
    """Says how a run compares with the reference.

    Args:
        reference: name of the reference.
        name: of the run.
        comparison: of the two, with p-values adjusted.

    Returns:
        Sentences: first on the main metric, then on all of them, then what to beware of.
    """
    if not comparison.metrics:
        return [f"{name} and {reference} measured no sequence by the same metric."]
    if comparison.identical:
        return [f"{name} and {reference} are identical: no metric differs for any sequence."]
    main = headline(comparison.metrics)
    sentences = [_on(main, reference, name, comparison.metrics[main])]
    if len(comparison.metrics) > 1:
        sentences.append(_on_all(comparison))
    return sentences + _caveats(comparison)


def correction(comparisons: Comparisons) -> str:
    """Says how many tests were made, and what was done about it."""
    if not comparisons.tests:
        return "No difference was tested: that takes at least two users."
    number = f"{comparisons.tests:,}"
    return (
        f"{number} comparisons were made, so a p-value below {SIGNIFICANCE} alone means little: significant is what "
        f"stays below {SIGNIFICANCE} after Holm's correction for all {number}."
    )


def _on(metric: str, reference: str, name: str, difference: MetricComparison) -> str:
    title, amount = metric_title(metric), with_interval(difference.difference, "+")
    if difference.identical:
        return f"{name} and {reference} are equal on {title} for every sequence."
    if difference.significant:
        return f"{name} is {relation(metric, difference)} than {reference} on {title}: {amount}."
    if difference.p_value is not None and difference.p_value < SIGNIFICANCE:
        return (
            f"{name} may be {relation(metric, difference)} than {reference} on {title}, but that is not certain after "
            f"correction for the number of comparisons: {amount}."
        )
    return f"No difference between {name} and {reference} is shown on {title}: {amount}."


def _on_all(comparison: Comparison) -> str:
    significant = {metric: part for metric, part in comparison.metrics.items() if part.significant}
    if not significant:
        return f"Of {len(comparison.metrics)} metrics, none differs significantly."
    counts = {
        word: sum(relation(metric, part) == word for metric, part in significant.items())
        for word in ("better", "worse", "higher", "lower")
    }
    # Better and worse always; of metrics of which more is not better only what there is to say.
    said = [f"{count} {word}" for word, count in counts.items() if count or word in ("better", "worse")]
    note = "" if all(map(more_is_better, significant)) else " (of novelty, more is neither better nor worse)"
    total = len(comparison.metrics)
    rest = f"; on {total - len(significant)} no significant difference" if len(significant) < total else ""
    return f"Of {total} metrics, {', '.join(said)}{note}{rest}."


def _caveats(comparison: Comparison) -> list[str]:
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
