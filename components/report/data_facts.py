"""What the data are: their size, as in Table 3 of the paper, and where the events of the log went."""

from collections.abc import Mapping
from typing import Any

from components.report.split_totals import SplitTotals

ALL = "all"
FATES = ("kept", "beyond_max_history", "outside_windows", "filtered_users", "rejected")
"""What can become of an event of the log, as SequenceExampleGen counts it."""

_REASON = "rejected_"


def data_facts(
    totals: Mapping[str, SplitTotals], items: int, scenes: int, properties: Mapping[str, int], sampled: dict[str, Any]
) -> dict[str, Any]:
    """Puts the facts about the data together.

    Args:
        totals: of each split.
        items: number of items in the catalogue.
        scenes: likewise of scenes.
        properties: what SequenceExampleGen has stored on the examples.
        sampled: from `sequence_facts.sequence_facts`.

    Returns:
        ``table3``, a row a split and one for all of them; ``items``; ``scenes``; ``density``, the events for
        each cell of a table of sequences by items (null without any); what is in `sampled`; and ``balance``.
    """
    whole = sum(totals.values(), start=SplitTotals(0, 0, 0))
    cells = whole.sequences * items
    return {
        "table3": [_row(split, total) for split, total in {**totals, ALL: whole}.items()],
        "items": items,
        "scenes": scenes,
        "density": whole.events / cells if cells else None,
        **sampled,
        "balance": {
            "events_in": properties.get("events_in", 0),
            **{fate: properties.get(f"events_{fate}", 0) for fate in FATES},
            "reasons": {
                name.removeprefix(_REASON): count
                for name, count in sorted(properties.items())
                if name.startswith(_REASON)
            },
        },
    }


def _row(split: str, total: SplitTotals) -> dict[str, Any]:
    """A split without sequences has no means."""
    number = total.sequences
    return {
        "split": split,
        "sequences": number,
        "events": total.events,
        "mean_history": total.history_events / number if number else None,
        "mean_future": total.future_events / number if number else None,
    }
