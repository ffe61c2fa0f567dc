"""How many sequences and events a split has, as StatisticsGen has counted them all."""

import dataclasses

from tensorflow_metadata.proto.v0 import statistics_pb2

from schemas import sequences


@dataclasses.dataclass(frozen=True)
class SplitTotals:
    """Sums over the sequences of a split.

    Attributes:
        sequences: how many there are.
        history_events: events in their histories; with rolling windows an event counts in each.
        future_events: events in their futures, likewise.
    """

    sequences: int
    history_events: int
    future_events: int

    @property
    def events(self) -> int:
        """Events in histories and futures."""
        return self.history_events + self.future_events

    def __add__(self, other: "SplitTotals") -> "SplitTotals":
        return SplitTotals(
            self.sequences + other.sequences,
            self.history_events + other.history_events,
            self.future_events + other.future_events,
        )


def split_totals(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> SplitTotals:
    """Takes the totals of a split out of its statistics; all are 0 for a split without sequences."""
    examples, values = 0, {sequences.HISTORY_ITEM_IDS: 0, sequences.FUTURE_ITEM_IDS: 0}
    for dataset in statistics.datasets:
        examples += dataset.num_examples
        for feature in dataset.features:
            (name,) = feature.path.step or [feature.name]
            if name in values:
                values[name] += feature.num_stats.common_stats.tot_num_values
    return SplitTotals(examples, *values.values())
