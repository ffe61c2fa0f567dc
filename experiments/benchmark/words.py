"""A benchmark in plain words: who is first, where DSPnet stands, and how sure that is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.benchmark.rows import DSPNET, Row
from experiments.benchmark.summary import Summary, equal, metric_of
from experiments.comparison.narrative import measure_title
from reporting.titles import TASKS, pick_headline_k

_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
FEW_SEEDS = 3
_TOLD = ("next_item/recall", "next_item/ndcg", "period_items/recall", "next_scene/recall")


class _Place(NamedTuple):
    summary: Summary
    row: Row
    name: str

    @property
    def mean(self) -> float:
        return self.summary.mean or 0.0


def verdict(rows: Sequence[Row], names: Sequence[str], ks: Sequence[int], comparisons: Mapping[str, Any]) -> list[str]:
    """Says which method is first on each task, where DSPnet stands, and what can be relied on.

    Args:
        rows: of the benchmark.
        names: of them.
        ks: cut-offs of the metrics.
        comparisons: of `experiments.benchmark.significance`.
    """
    if not any(row.finished for row in rows):
        return ["Nothing has been measured yet."]
    metrics = (f"{metric}@{pick_headline_k(ks)}" for metric in _TOLD)
    sentences = (_order(rows, names, metric) for metric in metrics)
    return [*filter(None, sentences), *_against_baselines(rows, names, comparisons), *_seeds(rows)]


def listed(words: Sequence[str]) -> str:
    """Lists words as a sentence does.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def ordinal(number: int) -> str:
    """Writes a place.

    >>> [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 21, 113)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '21st', '113th']
    """
    ending = "th" if number % 100 in (11, 12, 13) else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def with_spread(summary: Summary) -> str:
    """Writes a mean and its spread.

    >>> with_spread(Summary("measured", 0.34081, 0.00123, 3)), with_spread(Summary("measured", 0.3, None, 1))
    ('0.3408 ± 0.0012', '0.3000')
    """
    return f"{summary.mean:.4f}" + ("" if summary.spread is None else f" ± {summary.spread:.4f}")


def _order(rows: Sequence[Row], names: Sequence[str], metric: str) -> str | None:
    """Says who is first in a column, and where the best row of DSPnet stands."""
    found = [_Place(metric_of(row, metric), row, name) for row, name in zip(rows, names, strict=True) if row.competes]
    ranked = sorted((one for one in found if one.summary.seeds), key=lambda one: -one.mean)
    if not ranked:
        return None
    title = f"{TASKS[metric.partition('/')[0]]} {measure_title(metric)}"
    best = ranked[0]
    if len(ranked) == 1:
        shown = with_spread(best.summary)
        return f"{title}: {best.name} has {shown}; there is no other method to compare it with yet."
    first = [one for one in ranked if equal(one.mean, best.mean)]
    whose = f"{best.name} is" if len(first) == 1 else f"{listed([one.name for one in first])} are"
    start = f"{title}: {whose} first of {len(ranked)} with {with_spread(best.summary)}"
    own = next((one for one in ranked if one.row.role == DSPNET), None)
    if own is None:
        return f"{start}; DSPnet was not measured."
    if own not in first:
        number = 1 + sum(one.mean > own.mean and not equal(one.mean, own.mean) for one in ranked)
        return f"{start}; {own.name} is {ordinal(number)} with {_behind(best, own)}."
    if len(first) == len(ranked):
        return f"{start}."
    second = ranked[len(first)]
    return f"{start}; {second.name} is second with {_behind(best, second)}."


def _behind(best: _Place, other: _Place) -> str:
    gap = best.mean - other.mean
    return f"{with_spread(other.summary)}, {gap:.4f} ({gap / best.mean:.1%}) behind"


def _against_baselines(rows: Sequence[Row], names: Sequence[str], comparisons: Mapping[str, Any]) -> list[str]:
    columns = comparisons["columns"]
    if not columns:
        missing = "DSPnet" if not any(row.role == DSPNET and row.finished for row in rows) else "A baseline"
        return [f"{missing} was not measured, so there is no comparison with the best baseline."]
    sentences = []
    for place in dict.fromkeys(column["dspnet"] for column in columns):
        own = [column for column in columns if column["dspnet"] == place]
        better, worse = (
            sum(bool(column["significant"]) and sign * column["difference"]["value"] > 0 for column in own)
            for sign in (1, -1)
        )
        untested = sum(column["p_value"] is None for column in own)
        open_ = len(own) - better - worse - untested
        counts = [f"significantly better in {better}", f"significantly worse in {worse}"]
        counts += [f"with no difference shown in {open_}"] if open_ else []
        counts += [f"untested in {untested}"] if untested else []
        sentences.append(
            f"Against the best baseline of each column, {names[place]} is {listed(counts)} of {len(own)} columns."
        )
    if comparisons["tests"]:
        sentences.append(
            f"Significant means below {comparisons['significance']} after Holm's correction for all "
            f"{comparisons['tests']} tests. These are over test users, with each user's values averaged over seeds: "
            "they tell whether other users would show the difference. What another seed would change is told by ±, "
            "the standard deviation over seeds."
        )
    return sentences


def _seeds(rows: Sequence[Row]) -> list[str]:
    learned = [len(row.finished) for row in rows if row.finished and not row.counted]
    if learned and min(learned) < FEW_SEEDS:
        fewest = "one seed" if min(learned) == 1 else f"{min(learned)} seeds"
        return [f"Beware: some rows rest on {fewest} alone; a difference as small as a usual spread is none."]
    return []
