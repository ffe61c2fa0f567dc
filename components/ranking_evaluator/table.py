"""The evaluation as a table that a person reads in a terminal; the report has the rest."""

from model.evaluation.tasks import MAIN_TASKS
from reporting.table import Cell, Column, Row, Table, number, rank_values
from reporting.titles import TASKS
from schemas.evaluation import Evaluation, Metric

_METRICS = {"recall": "R", "ndcg": "N"}
"""Letters of the metrics that are shown, which keep the table narrow."""


def format_evaluation(evaluation: Evaluation) -> str:
    """Returns the table of the main tasks, one row a model, and the verdict on the candidate, as lines of text.

    Args:
        evaluation: what was measured, with its verdict.
    """
    table = make_table(evaluation)
    shares = evaluation.models[evaluation.candidate].unknown_share
    missing = ", ".join(f"{TASKS[task].lower()} {shares[task]:.1%}" for task in MAIN_TASKS if task in shares)
    lines = [
        table.to_text(),
        "",
        f"{evaluation.sequences:,} test sequences, full catalogue, ties against the model.",
        "R = Recall, N = NDCG, ¹ best, ² second, ± half of the 95% interval over users.",
        f"Targets outside the catalogue, counted as misses: {missing}.",
    ]
    if evaluation.ties is not None and evaluation.ties.share:
        lines.append(
            f"Next item: {evaluation.ties.share:.1%} of the sequences have several at the earliest time, all of them "
            f"right; the mean is {evaluation.ties.mean_items:.1f}."
        )
    if evaluation.verdict is not None:
        outcome = "Blessed" if evaluation.verdict.blessed else "REFUSED"
        lines.append(f"{outcome}: {'; '.join(evaluation.verdict.reasons)}.")
    return "\n".join(lines)


def make_table(evaluation: Evaluation) -> Table:
    """Returns one row a model and one group of columns a main task; below the candidate half of its 95% intervals."""
    names = [f"{task}/{metric}@{k}" for task in MAIN_TASKS for k in evaluation.k for metric in _METRICS]
    ranks = {name: rank_values([model.metrics[name].value for model in evaluation.models.values()]) for name in names}
    rows = []
    for place, (title, model) in enumerate(evaluation.models.items()):
        cells = [number(model.metrics[name].value, "metric", rank=ranks[name][place]) for name in names]
        rows.append(Row((title, *cells)))
        if title == evaluation.candidate:
            rows.append(Row(("  95%", *(_half_interval(model.metrics[name]) for name in names))))
    columns = [
        Column(f"{letter}@{k}", TASKS[task])
        for task in MAIN_TASKS
        for k in evaluation.k
        for letter in _METRICS.values()
    ]
    return Table((Column("Model", words=True), *columns), tuple(rows))


def _half_interval(metric: Metric) -> Cell:
    if metric.low is None or metric.high is None:
        return Cell(())
    return Cell((f"±{(metric.high - metric.low) / 2:.4f}".replace("±0.", "±."),))
