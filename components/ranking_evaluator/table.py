"""The evaluation as a table that a person reads in a terminal; the report has the rest."""

from components.ranking_evaluator.verdict import Verdict
from model.evaluation.evaluate import Evaluation, RankerEvaluation

_TITLES = {"next_item": "next item", "period_items": "period items", "next_scene": "next scene"}
_CELL = 8


def format_table(evaluation: Evaluation, ks: tuple[int, ...], verdict: Verdict) -> str:
    """Formats one row a model and one group of columns a task of the paper.

    Args:
        evaluation: the first model is the candidate.
        ks: cut-offs, as measured.
        verdict: what was decided about the candidate.

    Returns:
        Lines of text, the best value of each column marked with ``*``.
    """
    columns = [f"{task}/{metric}@{k}" for task in _TITLES for k in ks for metric in ("recall", "ndcg")]
    titles = [f"{metric}@{k}" for _ in _TITLES for k in ks for metric in "RN"]
    group = len(columns) // len(_TITLES)
    width = max(len(name) for name in evaluation.models)
    lines = [
        " " * width + "".join(" |" + title.center(_CELL * group) for title in _TITLES.values()),
        " " * width + _cells([f"{title} " for title in titles], group),
    ]
    lines.append("-" * len(lines[1]))
    best = {column: max(_value(model, column) for model in evaluation.models.values()) for column in columns}
    candidate, *_ = evaluation.models
    for name, model in evaluation.models.items():
        texts = [f"{_value(model, column):.4f}" + "* "[_value(model, column) < best[column]] for column in columns]
        lines.append(name.ljust(width) + _cells(texts, group))
        if name == candidate:
            lines.append("  95%".ljust(width) + _cells([_half(model, column) for column in columns], group))
    shares = evaluation.models[candidate].unknown_share
    missing = ", ".join(f"{title} {shares[task]:.1%}" for task, title in _TITLES.items() if task in shares)
    lines += [
        "",
        f"{evaluation.sequences:,} test sequences, full catalogue, ties against the model.",
        "R = Recall, N = NDCG, * best, ± half of the 95% interval over users.",
        f"Targets outside the catalogue, counted as misses: {missing}.",
        f"{'Blessed' if verdict.blessed else 'REFUSED'}: {'; '.join(verdict.reasons)}.",
    ]
    return "\n".join(lines)


def _value(model: RankerEvaluation, column: str) -> float:
    return model.metrics[column].value


def _half(model: RankerEvaluation, column: str) -> str:
    metric = model.metrics[column]
    return f"±{(metric.high - metric.low) / 2:.4f} ".replace("±0.", "±.")


def _cells(texts: list[str], group: int) -> str:
    return "".join((" |" if i % group == 0 else "") + text.rjust(_CELL) for i, text in enumerate(texts))
