"""What to beware of in a benchmark: what is missing or failed, and whether like is compared with like."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.rows import Result, Row
from experiments.benchmark.words import listed
from experiments.runs.result import FINISHED


def cautions(rows: Sequence[Row], names: Sequence[str], unfair: Sequence[str]) -> list[str]:
    """Says what is missing, what did not fit into memory, what failed, and whether like is compared with like.

    Args:
        rows: of the benchmark.
        names: of them.
        unfair: settings that should be the same for all, and are not.
    """
    results = [result for row in rows for result in row.results]
    sentences = []
    waiting = [f"{name} ({_seeds_text(row.missing)})" for name, row in zip(names, rows, strict=True) if row.missing]
    if waiting:
        sentences.append(f"Not run yet, so these tables will change: {', '.join(waiting)}.")
    for name, row in zip(names, rows, strict=True):
        sentences += _unfinished("Out of memory", name, row.out_of_memory)
        sentences += _unfinished("Failed", name, row.failed)
    finished = [result for result in results if result["status"] == FINISHED]
    if finished:
        sentences += [_same_test(finished), _same_code(results), *_other_machines(finished)]
    rising = _still_rising(rows, names)
    if rising:
        sentences.append(rising)
    untuned = [name for name, row in zip(names, rows, strict=True) if row.competes and row.tuned is False]
    if untuned and any(row.tuned for row in rows):
        sentences.append(f"Beware: settings of other rows were chosen by a search, but none of {listed(untuned)}.")
    if unfair:
        sentences.append(
            f"Beware: not all rows have the same {', '.join(unfair)}, so they differ in more than the method."
        )
    return sentences


def _still_rising(rows: Sequence[Row], names: Sequence[str]) -> str | None:
    """Says whose last allowed epoch was the best, so that more epochs might have been better still."""
    found = []
    for name, row in zip(names, rows, strict=True):
        seeds = [result["seed"] for result in row.finished if _ran_out(result)]
        if seeds:
            found.append(f"{name} ({_seeds_text(seeds)})")
    return f"Still improving when training.epochs ran out: {listed(found)}." if found else None


def _ran_out(result: Mapping[str, Any]) -> bool:
    training = result["training"] or {}
    epochs = training.get("epochs") or []
    allowed = result["config"]["training"]["epochs"]
    return bool(epochs) and len(epochs) >= allowed > 1 and training.get("best_epoch") == epochs[-1]["epoch"]


def _unfinished(what: str, name: str, results: Sequence[Result]) -> list[str]:
    """Says of a row what became of the cells; of reasons that are the same but for numbers, the first."""
    alike: dict[str, list[Result]] = {}
    for result in results:
        alike.setdefault(re.sub(r"\d", "", str(result["reason"])), []).append(result)
    sentences = []
    for group in alike.values():
        why = " ".join(str(group[0]["reason"]).split()).rstrip(".")
        seeds = _seeds_text([result["seed"] for result in group])
        sentences.append(f"{what}: {name} ({seeds}){': ' + why if why else ''}.")
    return sentences


def _seeds_text(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {listed([str(seed) for seed in seeds])}"


def _same_test(results: Sequence[Result]) -> str:
    tests = {(result["digest"], result["sequences"]) for result in results}
    if len(tests) > 1:
        told = listed([f"{digest} ({sequences:,} sequences)" for digest, sequences in sorted(tests)])
        return f"Beware: cells were measured on different test sets, so their numbers cannot be compared: {told}."
    ((digest, sequences),) = tests
    return f"All cells were measured on the same {sequences:,} test sequences (digest {digest})."


def _other_machines(results: Sequence[Result]) -> list[str]:
    machines = list(dict.fromkeys(", ".join(result["machine"].values()) for result in results))
    if len(machines) == 1:
        return []
    return [f"Beware: cells ran on different machines, so their times cannot be compared: {'; '.join(machines)}."]


def _same_code(results: Sequence[Result]) -> str:
    digests = sorted({str(result["source_digest"]) for result in results})
    if len(digests) > 1:
        return f"Beware: cells were trained by different versions of the code: {listed(digests)}."
    return f"All cells were trained by the same code (digest {digests[0]})."
