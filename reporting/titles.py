"""Titles of models, tasks, metrics and terms of the objective, the styles of series, and which figures come first."""

from collections.abc import Sequence

STYLES = ("s1", "s2", "s3", "s4")
"""CSS classes of the colours and shapes of points, in the order in which they are given out."""

LAST_BLESSED = "last blessed model"
POPULARITY = "popularity"
"""Names in an evaluation of the two models that a candidate has to be better than."""

TASKS = {
    "next_item": "Next item",
    "period_items": "Period items",
    "next_scene": "Next scene",
    "period_scenes": "Period scenes",
    "next_unseen_item": "Next new item",
    "period_unseen_items": "Period new items",
}
"""Titles of the tasks, in the order in which they are shown."""

ASKED = {
    "next_item": "the items at the earliest time of the future",
    "period_items": "all items of the future",
    "next_scene": "the scenes at the earliest time of the future",
    "period_scenes": "all scenes of the future",
    "next_unseen_item": "of the next items, those that are not in the history; items of the history are left out",
    "period_unseen_items": "of all items of the future, those that are not in the history; likewise",
}
"""What each task asks for."""

LISTS = {"items": "items", "unseen_items": "new items", "scenes": "scenes"}
"""Titles of the kinds of lists that are measured whatever comes true of them."""

_NEUTRAL = ("coverage", "novelty", "popularity_bias")
"""Metrics of which more is neither better nor worse."""

_HEADLINE_K = 10
"""As in the tables of the paper."""
_METRICS = {
    "recall": "Recall",
    "ndcg": "NDCG",
    "hit_rate": "HitRate",
    "map": "MAP",
    "mrr": "MRR",
    "coverage": "Coverage",
    "novelty": "Novelty",
    "popularity_bias": "Popularity bias",
}
_TERMS = {"apr": "L_APR", "ccr": "L_CCR", "ccc": "context contrast", "cloze": "Cloze"}


def pick_headline_k(ks: Sequence[int]) -> int:
    """Returns the cut-off of the headline figures: 10 if that was measured, else the largest.

    >>> pick_headline_k([5, 10, 20]), pick_headline_k([1, 20])
    (10, 20)
    """
    return _HEADLINE_K if _HEADLINE_K in ks else max(ks)


def is_neutral(metric: str) -> bool:
    """Tells whether more of a metric, named without its task, is neither better nor worse.

    >>> is_neutral("coverage@10"), is_neutral("recall@10")
    (True, False)
    """
    return metric.partition("@")[0] in _NEUTRAL


def metric_title(metric: str) -> str:
    """Returns the title of a metric, named without its task.

    >>> metric_title("ndcg@10"), metric_title("popularity_bias@5")
    ('NDCG@10', 'Popularity bias@5')
    """
    name, at, k = metric.partition("@")
    return f"{_METRICS.get(name, name)}{at}{k}"


def task_title(metric: str) -> str:
    """Returns what a metric, ``task/metric``, asks for, as a sentence names it.

    >>> task_title("next_item/recall@10"), task_title("unseen_items/novelty@10")
    ('next item', 'new items')
    """
    task = metric.partition("/")[0]
    return (TASKS | LISTS).get(task, task.replace("_", " ")).lower()


def measure_title(metric: str) -> str:
    """Returns how a metric, ``task/metric``, measures it.

    >>> measure_title("next_item/recall@10"), measure_title("next_item/mrr")
    ('Recall@10', 'MRR')
    """
    return metric_title(metric.partition("/")[2])


def full_title(metric: str) -> str:
    """Returns a metric, ``task/metric``, as a sentence names it.

    >>> full_title("next_item/recall@10")
    'next item Recall@10'
    """
    return f"{task_title(metric)} {measure_title(metric)}"


def term_title(term: str) -> str:
    """Returns the title of a value that training logs.

    >>> term_title("apr_loss"), term_title("val_item_loss"), term_title("val_ndcg@10"), term_title("loss")
    ('L_APR', 'validation item loss', 'validation NDCG@10', 'total loss')
    >>> term_title("D_S_accuracy")
    'D_S accuracy'
    """
    if term.startswith("val_"):
        return f"validation {term_title(term[4:])}"
    if term == "loss":
        return "total loss"
    if term.endswith("_loss"):
        name = _TERMS.get(term[:-5], term[:-5].replace("_", " "))
        return name if name.startswith("L_") else f"{name} loss"
    if "@" in term:
        task, _, metric = term.rpartition("_")
        return f"{task.replace('_', ' ')} {metric_title(metric)}".strip()
    if term.startswith("D_"):
        return " ".join(term.rsplit("_", 1))
    return term.replace("_", " ")
