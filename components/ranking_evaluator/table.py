"""The evaluation as a table that a person reads in a terminal."""

from collections.abc import Mapping

from components.ranking_evaluator.verdict import Verdict
from model.config import TASKS
from model.evaluation import Evaluation

_TITLES = {"next_item": "next item", "period_items": "period items", "next_scene": "next scene"}


def format_table(evaluations: Mapping[str, Evaluation], ks: tuple[int, ...], verdict: Verdict) -> str:
    """Formats one row a model and one group of columns a task.

    Args:
        evaluations: by the name to show; the first is the candidate.
        ks: cut-offs, as measured.
        verdict: what was decided about the candidate.

    Returns:
        Lines of text, the best value of each column marked with ``*``.
    """
    columns = [(task, metric, k) for task in TASKS for k in ks for metric in ("recall", "ndcg")]
    width = max(len(name) for name in evaluations)
    cell = 8
    group = cell * 2 * len(ks)
    lines = [
        " " * width + "".join(" |" + _TITLES[task].center(group) for task in TASKS),
        " " * width + _cells([f"{'R' if metric == 'recall' else 'N'}@{k}" for _, metric, k in columns], cell, ks),
    ]
    lines.append("-" * len(lines[1]))
    best = {column: max(_value(evaluation, column) for evaluation in evaluations.values()) for column in columns}
    for name, evaluation in evaluations.items():
        values = [(_value(evaluation, column), best[column]) for column in columns]
        texts = [f"{value:.4f}" + ("*" if value == top else " ") for value, top in values]
        lines.append(name.ljust(width) + _cells(texts, cell, ks))
    first = next(iter(evaluations.values()))
    shares = ", ".join(f"{_TITLES[task]} {share:.1%}" for task, share in first.unknown_share.items())
    lines += [
        "",
        f"{first.sequences:,} test sequences, full catalogue, ties against the model; R = Recall, N = NDCG, * best.",
        f"Targets outside the catalogue, counted as misses: {shares}.",
        f"{'Blessed' if verdict.blessed else 'REFUSED'}: {'; '.join(verdict.reasons)}.",
    ]
    return "\n".join(lines)


def _value(evaluation: Evaluation, column: tuple[str, str, int]) -> float:
    task, metric, k = column
    return evaluation.metrics[f"{task}/{metric}@{k}"]


def _cells(texts: list[str], width: int, ks: tuple[int, ...]) -> str:
    group = 2 * len(ks)
    return "".join((" |" if i % group == 0 else "") + text.rjust(width) for i, text in enumerate(texts))
