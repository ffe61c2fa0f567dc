"""Summary of a log: what each worker has counted and found, merged into one."""

import dataclasses
import functools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.plural import count_noun

MAX_PROBLEMS = 10
"""Number of different problems that a message lists."""


@dataclasses.dataclass(frozen=True, order=True)
class Problem:
    """Something for which the log must not be used.

    Attributes:
        file: the file that has it; "" for a problem of the whole log.
        text: the sentence, without the file's name that stands before it.
    """

    file: str
    text: str


@dataclasses.dataclass(frozen=True)
class Summary:
    """What is known of a log, or of a part of it.

    Attributes:
        counts: numbers by name, as in `balance.Balance`; merged by their sum.
        rejected: rejected rows by reason and detail; merged by their sum.
        times: those of the first and the last good event, unix microseconds; None without any.
        problems: why the log must not be used.
        id_types: what a column of ids holds, as pairs of column and type, with the first file that has it so.
    """

    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    rejected: Mapping[tuple[str, str], int] = dataclasses.field(default_factory=dict)
    times: tuple[int, int] | None = None
    problems: frozenset[Problem] = frozenset()
    id_types: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        """Returns the summary as JSON."""
        return json.dumps(
            {
                "counts": self.counts,
                "rejected": sorted([*key, number] for key, number in self.rejected.items()),
                "times": self.times,
                "problems": sorted(dataclasses.astuple(problem) for problem in self.problems),
                "id_types": sorted([*key, file] for key, file in self.id_types.items()),
            },
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> "Summary":
        """Returns the summary that `to_json` has written."""
        values = json.loads(text)
        return cls(
            counts=values["counts"],
            rejected={(reason, detail): number for reason, detail, number in values["rejected"]},
            times=tuple(values["times"]) if values["times"] else None,
            problems=frozenset(Problem(*problem) for problem in values["problems"]),
            id_types={(column, kind): file for column, kind, file in values["id_types"]},
        )


def merge(summaries: Iterable[Summary]) -> Summary:
    """Returns the summary of all parts together, whatever their order."""
    parts = list(summaries)
    spans = [part.times for part in parts if part.times]
    return Summary(
        counts=_merge_values((part.counts for part in parts), int.__add__),
        rejected=_merge_values((part.rejected for part in parts), int.__add__),
        times=(min(first for first, _ in spans), max(last for _, last in spans)) if spans else None,
        problems=frozenset().union(*(part.problems for part in parts)),
        id_types=_merge_values((part.id_types for part in parts), min),
    )


def describe_problems(problems: Iterable[Problem]) -> list[str]:
    """Returns one sentence for each kind of problem: it names the first file and says how many others have it."""
    kinds: dict[str, list[Problem]] = {}
    for problem in sorted(problems):
        # Files share a problem also where only the numbers of their lines differ.
        kind = re.sub(r"\d[\d,.]*", "#", problem.text) if problem.file else problem.text
        kinds.setdefault(kind, []).append(problem)
    sentences = [_describe_kind(kind) for kind in kinds.values()]
    left = len(sentences) - MAX_PROBLEMS
    return sentences[:MAX_PROBLEMS] + ([f"There are {left:,} more problems of other kinds."] if left > 0 else [])


def _describe_kind(problems: list[Problem]) -> str:
    first = problems[0]
    others = len({problem.file for problem in problems}) - 1
    more = f" The same holds for {count_noun(others, 'more file')}." if others else ""
    return f"{first.file}{first.text}{more}"


def _merge_values(parts: Iterable[Mapping[Any, Any]], join: Any) -> dict[Any, Any]:
    def add(total: dict[Any, Any], part: Mapping[Any, Any]) -> dict[Any, Any]:
        for key, value in part.items():
            total[key] = join(total[key], value) if key in total else value
        return total

    return functools.reduce(add, parts, {})
