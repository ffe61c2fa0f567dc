"""A benchmark in sentences: who is first, where DSPnet stands, how sure that is, and what to beware of."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from experiments.benchmark.plan import BASELINE, DSPNET
from experiments.benchmark.rows import BenchmarkRow, SeedMean, summarise_metric
from experiments.benchmark.significance import BaselineComparison, BaselineComparisons
from experiments.runs.result import RunResult
from reporting.numbers import format_spread, is_same_number
from reporting.titles import TASKS, metric_title, pick_headline_k
from schemas.training import is_last

FEW_SEEDS = 3
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_VERDICT_METRICS = ("next_item/recall", "next_item/ndcg", "period_items/recall", "next_scene/recall")


class _Contender(NamedTuple):
    row: BenchmarkRow
    summary: SeedMean

    @property
    def mean(self) -> float:
        return self.summary.mean or 0.0

    @property
    def mean_text(self) -> str:
        return format_spread(self.mean, self.summary.spread)


def describe_verdict(
    rows: Sequence[BenchmarkRow], ks: Sequence[int], comparisons: BaselineComparisons, equal: BaselineComparisons
) -> list[str]:
    """Returns sentences on which method is first on each task, where DSPnet stands, and what can be relied on.

    Args:
        rows: rows of the benchmark.
        ks: cut-offs of the metrics.
        comparisons: DSPnet against the best baseline of each column.
        equal: DSPnet against the best rival with its heads, of each column.
    """
    if not any(row.finished for row in rows):
        return ["Nothing has been measured yet."]
    orders = (_describe_order(rows, f"{metric}@{pick_headline_k(ks)}") for metric in _VERDICT_METRICS)
    return [
        *filter(None, orders),
        *_describe_comparisons(rows, comparisons),
        *_describe_outcomes(rows, equal, "the best rival with its heads"),
        *_describe_few_seeds(rows),
    ]


def describe_cautions(rows: Sequence[BenchmarkRow], unfair: Sequence[str]) -> list[str]:
    """Returns sentences on what is missing, ran out of memory or failed, and on whether like is compared with like.

    Args:
        rows: rows of the benchmark.
        unfair: keys of settings that should be the same for all rows, and are not.
    """
    results = [result for row in rows for result in row.results]
    finished = [result for row in rows for result in row.finished]
    sentences = []
    waiting = [f"{row.name} ({_format_seeds(row.missing)})" for row in rows if row.missing]
    if waiting:
        sentences.append(f"Not run yet, so these tables will change: {', '.join(waiting)}.")
    for row in rows:
        sentences += _describe_unfinished("Out of memory", row.name, row.out_of_memory)
        sentences += _describe_unfinished("Failed", row.name, row.failed)
    if finished:
        sentences += [_describe_test_sets(finished), _describe_code(results), *_describe_machines(finished)]
    sentences += _describe_still_improving(rows)
    untuned = [row.name for row in rows if row.competes and row.tuned is False]
    if untuned and any(row.tuned for row in rows):
        sentences.append(f"Beware: settings of other rows were chosen by a search, but none of {join_words(untuned)}.")
    if unfair:
        sentences.append(
            f"Beware: not all rows have the same {', '.join(unfair)}, so they differ in more than the method."
        )
    return sentences


def join_words(words: Sequence[str]) -> str:
    """Returns words as a sentence lists them.

    >>> join_words(["a"]), join_words(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def format_ordinal(number: int) -> str:
    """Returns a place in words.

    >>> [format_ordinal(number) for number in (1, 2, 3, 4, 11, 12, 21, 113)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '21st', '113th']
    """
    ending = "th" if number % 100 in (11, 12, 13) else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def _describe_order(rows: Sequence[BenchmarkRow], metric: str) -> str | None:
    """Says who is first in a column, and where the best row of DSPnet stands."""
    found = [_Contender(row, summarise_metric(row, metric)) for row in rows if row.role in (DSPNET, BASELINE)]
    ranked = sorted((one for one in found if one.summary.seeds), key=lambda one: -one.mean)
    if not ranked:
        return None
    task, _, measure = metric.partition("/")
    title = f"{TASKS[task]} {metric_title(measure)}"
    best = ranked[0]
    if len(ranked) == 1:
        return f"{title}: {best.row.name} has {best.mean_text}; there is no other method to compare it with yet."
    winners = [one for one in ranked if is_same_number(one.mean, best.mean)]
    subject = f"{best.row.name} is" if len(winners) == 1 else f"{join_words([one.row.name for one in winners])} are"
    start = f"{title}: {subject} first of {len(ranked)} with {best.mean_text}"
    own = next((one for one in ranked if one.row.role == DSPNET), None)
    if own is None:
        return f"{start}; DSPnet was not measured."
    if own not in winners:
        place = 1 + sum(one.mean > own.mean and not is_same_number(one.mean, own.mean) for one in ranked)
        return f"{start}; {own.row.name} is {format_ordinal(place)} with {_format_gap(best, own)}."
    if len(winners) == len(ranked):
        return f"{start}."
    second = ranked[len(winners)]
    return f"{start}; {second.row.name} is second with {_format_gap(best, second)}."


def _format_gap(best: _Contender, other: _Contender) -> str:
    gap = best.mean - other.mean
    return f"{other.mean_text}, {gap:.4f} ({gap / best.mean:.1%}) behind"


def _describe_comparisons(rows: Sequence[BenchmarkRow], comparisons: BaselineComparisons) -> Iterator[str]:
    if not comparisons.columns:
        missing = "A baseline" if any(row.role == DSPNET and row.finished for row in rows) else "DSPnet"
        yield f"{missing} was not measured, so there is no comparison with the best baseline."
    yield from _describe_outcomes(rows, comparisons, "the best baseline")
    if comparisons.tests:
        yield (
            f"Significant means below {comparisons.significance} after Holm's correction for all "
            f"{comparisons.tests} tests. These are over test users, with each user's values averaged over seeds: "
            "they tell whether other users would show the difference. What another seed would change is told by ±, "
            "the standard deviation over seeds."
        )


def _describe_outcomes(rows: Sequence[BenchmarkRow], comparisons: BaselineComparisons, rival: str) -> Iterator[str]:
    """Says in how many columns each row of DSPnet is better and worse than its rival."""
    for place in dict.fromkeys(column.dspnet for column in comparisons.columns):
        own = [column for column in comparisons.columns if column.dspnet == place]
        yield (
            f"Against {rival} of each column, {rows[place].name} is {join_words(_count_outcomes(own))} of {len(own)} "
            "columns."
        )


def _count_outcomes(columns: Sequence[BaselineComparison]) -> list[str]:
    """Says in how many columns DSPnet is better and worse, and in how many others that is not known."""
    better = sum(bool(column.significant) and column.difference.value > 0 for column in columns)
    worse = sum(bool(column.significant) and column.difference.value < 0 for column in columns)
    untested = sum(column.p_value is None for column in columns)
    undecided = len(columns) - better - worse - untested
    counts = [f"significantly better in {better}", f"significantly worse in {worse}"]
    counts += [f"with no difference shown in {undecided}"] if undecided else []
    counts += [f"untested in {untested}"] if untested else []
    return counts


def _describe_few_seeds(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    numbers = [len(row.finished) for row in rows if row.finished and not row.statistical]
    if numbers and min(numbers) < FEW_SEEDS:
        fewest = "one seed" if min(numbers) == 1 else f"{min(numbers)} seeds"
        yield f"Beware: some rows rest on {fewest} alone; a difference as small as a usual spread is none."


def _describe_unfinished(event: str, name: str, results: Sequence[RunResult]) -> Iterator[str]:
    """Says what became of runs of a row; where reasons are the same but for numbers, gives the first."""
    alike: dict[str, list[RunResult]] = {}
    for result in results:
        alike.setdefault(re.sub(r"\d", "", result.reason), []).append(result)
    for group in alike.values():
        reason = " ".join(group[0].reason.split()).rstrip(".")
        seeds = _format_seeds(result.seed for result in group)
        yield f"{event}: {name} ({seeds}){f': {reason}' if reason else ''}."


def _describe_test_sets(results: Sequence[RunResult]) -> str:
    tests = {(str(result.digest), int(result.sequences or 0)) for result in results}
    if len(tests) > 1:
        shown = join_words([f"{digest} ({sequences:,} sequences)" for digest, sequences in sorted(tests)])
        return f"Beware: runs were measured on different test sets, so their numbers cannot be compared: {shown}."
    ((digest, sequences),) = tests
    return f"All runs were measured on the same {sequences:,} test sequences (digest {digest})."


def _describe_code(results: Sequence[RunResult]) -> str:
    digests = sorted({result.source_digest for result in results})
    if len(digests) > 1:
        return f"Beware: runs were trained by different versions of the code: {join_words(digests)}."
    return f"All runs were trained by the same code (digest {digests[0]})."


def _describe_machines(results: Sequence[RunResult]) -> Iterator[str]:
    machines = list(dict.fromkeys(", ".join(map(str, result.machine.values())) for result in results))
    if len(machines) > 1:
        yield f"Beware: runs had different machines, so their times cannot be compared: {'; '.join(machines)}."


def _describe_still_improving(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    """Says whose last allowed epoch was the best, so that more epochs might have been better still."""
    found = []
    for row in rows:
        seeds = [result.seed for result in row.finished if _improved_to_the_end(result)]
        if seeds:
            found.append(f"{row.name} ({_format_seeds(seeds)})")
    if found:
        yield f"Still improving when training.epochs ran out: {join_words(found)}."


def _improved_to_the_end(result: RunResult) -> bool:
    if result.training is None or not result.training.epochs:
        return False
    epochs = result.training.epochs
    allowed = result.config["training"]["epochs"]
    return allowed > 1 and is_last(epochs[-1], allowed) and result.training.best_epoch == epochs[-1]["epoch"]


def _format_seeds(seeds: Iterable[int]) -> str:
    names = [str(seed) for seed in seeds]
    return f"seed{'s' if len(names) > 1 else ''} {join_words(names)}"
