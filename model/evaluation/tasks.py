"""The ranking tasks: what a recommender is asked for, and which metrics tell how well it does."""

from collections.abc import Sequence

from model.questions import NEXT, PERIOD

ITEM_TASKS = ("next_item", "period_items", "next_unseen_item", "period_unseen_items")
SCENE_TASKS = ("next_scene", "period_scenes")
TASKS = ("next_item", "period_items", "next_scene", "period_scenes", "next_unseen_item", "period_unseen_items")
"""Next items (the paper's Table 1), all future items (Table 4), next and all future scenes (Table 7): next is all that
happens at the earliest time of the future. Then the items again for shops that show nothing twice: items of the history
are neither recommended nor expected, and sequences without a new item are not measured."""

MAIN_TASKS = ("next_item", "period_items", "next_scene")
"""The tasks of the paper's main tables."""

QUESTION_OF = {task: NEXT if task.startswith(NEXT) else PERIOD for task in TASKS}
"""The question whose list a task measures."""

TASKS_OF = {"items": ITEM_TASKS, "scenes": SCENE_TASKS}
"""The tasks of each catalogue."""

LISTS = ("items", "scenes", "unseen_items")
"""What is recommended, whatever comes true of it."""

FIRST = "mrr"
"""The metric that looks at the first relevant candidate alone."""

GROUPS = ("low", "medium", "high")
"""Groups of users by the length of their histories, in thirds, as in the paper's Figure 3."""
DECILES = 10
"""Number of groups of items by popularity: each tenth has a tenth of the train events."""
COLD = "cold"
"""The slice of targets that are rare in the train split."""


def metric_names(ks: Sequence[int]) -> list[str]:
    """Returns the metrics of a task: ``recall@k``, ``ndcg@k``, ``hit_rate@k`` and ``map@k`` for each k, and ``mrr``."""
    return [f"{metric}@{k}" for k in ks for metric in ("recall", "ndcg", "hit_rate", "map")] + [FIRST]


def list_metric_names(ks: Sequence[int]) -> list[str]:
    """Returns the metrics of a list: ``coverage@k``, ``novelty@k`` and ``popularity_bias@k`` for each k."""
    return [f"{metric}@{k}" for k in ks for metric in ("coverage", "novelty", "popularity_bias")]


def problem_with(name: str, ks: Sequence[int]) -> str | None:
    """Returns what is wrong with the name of a metric, ``task/metric`` or ``task/metric/slice``; None if nothing is.

    Whether a scene exists is not checked, because only the data tell that.
    """
    task, _, rest = name.partition("/")
    metric, slash, part = rest.partition("/")
    if task not in (*TASKS, *LISTS):
        return f"{name!r}: no such task or list. Choose from: {', '.join((*TASKS, *LISTS))}"
    metrics = metric_names(ks) if task in TASKS else list_metric_names(ks)
    if metric not in metrics:
        return f"{name!r}: not measured. Choose from: {', '.join(f'{task}/{known}' for known in metrics)}"
    if not slash:
        return None
    if task in LISTS:
        return f"{name!r}: {task} is not measured in slices"
    of_sequences = [f"group={group}" for group in GROUPS]
    of_targets = [*(f"popularity={decile}" for decile in range(1, DECILES + 1)), COLD] if task in ITEM_TASKS else []
    if metric == FIRST and task.startswith("period"):
        of_targets = []  # the first relevant item may be one of another slice
    if part not in (*of_sequences, *of_targets) and not (part.startswith("scene=") and part != "scene="):
        return f"{name!r}: no such slice. Choose from: {', '.join([*of_sequences, 'scene=ID', *of_targets])}"
    return None
