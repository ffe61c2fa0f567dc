"""What things are called in the report."""

STYLES = ("s1", "s2", "s3", "s4")
"""Classes of the colours and shapes, in the order in which they are given out."""

SECTIONS = (
    ("verdict", "Verdict"),
    ("data", "Data"),
    ("training", "Training"),
    ("results", "Results"),
    ("slices", "Slices"),
    ("users", "Users"),
    ("examples", "Examples"),
    ("origin", "Origin"),
)

LAST_BLESSED = "last blessed model"
POPULARITY = "popularity"

TASKS = {
    "next_item": "Next item",
    "period_items": "Period items",
    "next_scene": "Next scene",
    "period_scenes": "Period scenes",
    "next_unseen_item": "Next new item",
    "period_unseen_items": "Period new items",
}
"""Titles of the tasks, in the order in which they are told."""

ASKED = {
    "next_item": "the first item of the future",
    "period_items": "all items of the future",
    "next_scene": "the scene of the first event of the future",
    "period_scenes": "all scenes of the future",
    "next_unseen_item": "the first item of the future that is not in the history; items of the history are left out",
    "period_unseen_items": "all such items",
}

LISTS = {"items": "items", "unseen_items": "new items", "scenes": "scenes"}

FATES = (
    ("kept", "kept in a sequence"),
    ("beyond_max_history", "before the last events of a long history"),
    ("outside_windows", "outside all windows"),
    ("filtered_users", "of users with too few events"),
    ("rejected", "rejected as bad rows"),
)

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


def metric_title(metric: str) -> str:
    """Returns how a metric is written.

    >>> metric_title("ndcg@10"), metric_title("popularity_bias@5")
    ('NDCG@10', 'Popularity bias@5')
    """
    name, at, k = metric.partition("@")
    return f"{_METRICS.get(name, name)}{at}{k}"


def term_title(term: str) -> str:
    """Returns how a logged value is written.

    >>> term_title("apr_loss"), term_title("val_item_loss"), term_title("val_next_item_ndcg@10"), term_title("loss")
    ('L_APR', 'validation item loss', 'validation next item NDCG@10', 'total loss')
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
    return spoken(term)


def spoken(name: str) -> str:
    """Returns a name of the code as words.

    >>> spoken("bad_time")
    'bad time'
    """
    return name.replace("_", " ")
