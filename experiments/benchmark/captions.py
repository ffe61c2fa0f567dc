"""How to read the tables of a benchmark, said once for all that show them."""

from collections.abc import Mapping
from typing import Any

from model.config import NEXT, PERIOD, PREFIX

TARGETS = {NEXT: "the first future item", PERIOD: "all of the future", PREFIX: "what follows any prefix"}
SETTINGS = {"target": "trained on", "objective": "objective", "sampling": "candidates", "tuned": "tuned"}
"""Titles of the columns that tell rows apart, in their order."""
_TUNED = {
    None: "Whether a row was tuned stands beside it; one that was not has the values of the configuration.",
    "no": "No row was tuned by a search: all have the values of the configuration.",
    "yes": "All learned rows were tuned, within the same budget; what DSPnet is without a part has DSPnet's values.",
}
DIFFERENCE = "minus the best baseline"


def how_to_read(facts: Mapping[str, Any]) -> list[str]:
    """Returns sentences on the tables of methods: what a number is, what is marked, and what was tested."""
    sentences = [
        "A number is the mean over seeds, ± the sample standard deviation over seeds (none where there is one seed).",
        "The best of a column is bold and the second best underlined, by the mean at full precision; equal means share "
        "a mark. The methods and DSPnet compete; its ablations (DSPnet-, and DSPnet without a part) do not.",
        _settings(facts),
    ]
    if facts["comparisons"]["columns"]:
        sentences.append(
            "At the end of a table stands DSPnet minus the best baseline of the column (by mean), paired by test "
            f"sequence, and the same in percent of the baseline's value; * is significant after Holm's correction for "
            f"all {facts['comparisons']['tests']} tests, whichever way. (The percentages in the paper's tables are "
            "differences in points.)"
        )
    return sentences


def of_search(search: Mapping[str, Any]) -> str:
    """Says what each method might cost before its cells."""
    if not search["methods"]:
        return "Nothing was searched: each method has the values of the configuration."
    return (
        f"Budget: {search['trials']:,} trials for each method that learns and each training target, judged on the "
        "validation split, with the first seed of this benchmark."
    )


def of_table(table: Mapping[str, Any]) -> str:
    """Returns the caption of a table."""
    marked = "" if table["of_methods"] else "; here every row competes"
    return f"{table['number']}: {table['title']}{marked}"


def _settings(facts: Mapping[str, Any]) -> str:
    """Says what all rows have in common of what could tell them apart."""
    rows = [row for row in facts["rows"] if row["objective"]]
    told = []
    targets = sorted({row["target"] for row in facts["rows"] if row["target"]})
    if "target" not in facts["told_apart"] and targets:
        told.append(f"Training target of all rows, and what is counted: {targets[0]} ({TARGETS[targets[0]]}).")
    elif targets:
        meant = "; ".join(f"{target}: {TARGETS[target]}" for target in targets)
        told.append(f"What rows were trained on, or what was counted, stands beside them ({meant}).")
    for setting, title in (("objective", "Objective"), ("sampling", "Sampling of candidates")):
        if rows and setting not in facts["told_apart"]:
            told.append(f"{title} of all learned rows: {rows[0][setting]}.")
    tuned = {row["tuned"] for row in rows} - {None}
    if tuned:
        told.append(_TUNED[tuned.pop() if len(tuned) == 1 else None])
    return " ".join(told)
