import dataclasses
import json

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.report.content import LengthHistogram, SceneSwitches
from components.report.data_statistics import SequenceStatistics, SplitTotals, make_data_statistics, read_totals


def statistics(examples: int, **events: int) -> statistics_pb2.DatasetFeatureStatisticsList:
    result = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = result.datasets.add(num_examples=examples)
    for name, number in events.items():
        feature = dataset.features.add()
        feature.path.step.append(name)
        feature.num_stats.common_stats.tot_num_values = number
    return result


def test_totals_of_statistics() -> None:
    counted = statistics(3, history_item_ids=12, history_scene_ids=99, future_item_ids=5)
    assert read_totals(counted) == SplitTotals(3, 12, 5)
    assert read_totals(statistics(0)) == SplitTotals(0, 0, 0)
    assert read_totals(statistics_pb2.DatasetFeatureStatisticsList()) == SplitTotals(0, 0, 0)


NOTHING = SequenceStatistics(LengthHistogram((1, 2), (7,), 7), (), SceneSwitches((), (), 0.0))


def make_json(properties: dict[str, int] | None = None, **splits: SplitTotals) -> dict:
    statistics = make_data_statistics(splits, 20, 4, properties or {}, NOTHING)
    return json.loads(json.dumps(dataclasses.asdict(statistics)))


def test_table_3_by_hand() -> None:
    result = make_json(train=SplitTotals(4, 10, 6), val=SplitTotals(0, 0, 0), test=SplitTotals(2, 5, 3))
    rows = {row.pop("split"): row for row in result["table3"]}
    assert rows == {
        "train": {"sequences": 4, "events": 16, "mean_history": 2.5, "mean_future": 1.5},
        "val": {"sequences": 0, "events": 0, "mean_history": None, "mean_future": None},
        "test": {"sequences": 2, "events": 8, "mean_history": 2.5, "mean_future": 1.5},
        "all": {"sequences": 6, "events": 24, "mean_history": 2.5, "mean_future": 1.5},
    }
    assert (result["items"], result["scenes"], result["sampled_sequences"]) == (20, 4, 7)
    assert result["density"] == 24 / (6 * 20)


def test_density_is_that_of_the_paper() -> None:
    """AllScenePay-1m: 1,000,000 sequences of 25.35 events on average, 7,871,700 items: 3.22e-4 %."""
    whole = {"train": SplitTotals(1_000_000, 25_350_000, 0)}
    assert make_data_statistics(whole, 7_871_700, 330, {}, NOTHING).density == pytest.approx(3.22e-6, rel=1e-3)


def test_balance_of_the_log() -> None:
    properties = {"rows_in": 99, "rows_rejected": 3, "events_in": 42, "events_kept": 20, "events_beyond_max_history": 4}
    properties |= {"events_outside_windows": 6, "events_filtered_users": 7, "events_rejected": 3, "events_filtered": 2}
    properties |= {"rejected_bad_time": 2, "rejected_missing": 1, "sequences_train": 5, "span": 0}
    balance = make_json(properties, train=SplitTotals(1, 1, 1))["balance"]
    assert balance == {
        "events_in": 42,
        "kept": 20,
        "beyond_max_history": 4,
        "outside_windows": 6,
        "filtered_users": 7,
        "filtered": 2,
        "rejected": 3,
        "reasons": {"bad_time": 2, "missing": 1},
    }
    assert sum(count for name, count in balance.items() if name not in ("events_in", "reasons")) == 42
