import dataclasses
import pathlib
import shutil
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from experiments.benchmark.rows import group_runs
from experiments.benchmark.significance import (
    BaselineComparison,
    BaselineComparisons,
    average_over_seeds,
    compare_with_best,
    compare_with_each,
)
from experiments.runs.result import RunResult
from model.evaluation.paired_test import holm
from model.evaluation.pairing import MeasuredSequences, UnequalTestSetsError
from schemas.evaluation import Estimate
from tests.experiments.benchmark.made_up import METRICS, result, run_folder, values, write_sequences


def make_results(
    folder: pathlib.Path, qualities: dict[str, float], seeds: tuple[int, ...] = (7, 8, 9)
) -> list[RunResult]:
    return [result(label, seed, quality, folder) for label, quality in qualities.items() for seed in seeds]


def compare(folder: pathlib.Path, results: Sequence[RunResult], metrics: Sequence[str]) -> BaselineComparisons:
    return compare_with_best(str(folder), group_runs(results), metrics, "baseline")


def by_metric(found: BaselineComparisons) -> dict[str, BaselineComparison]:
    assert len({column.metric for column in found.columns}) == len(found.columns)
    return {column.metric: column for column in found.columns}


def averaged(label: str, quality: float, metric: str, seeds: tuple[int, ...], folder: pathlib.Path) -> np.ndarray:
    import pyarrow.parquet as pq

    columns = [
        pq.read_table(run_folder(folder, result(label, seed, quality, folder)) / "sequences.parquet")[metric]
        for seed in seeds
    ]
    return np.mean([column.to_numpy() for column in columns], axis=0)


def test_it_is_the_paired_test_of_users_averaged_over_seeds(tmp_path: pathlib.Path) -> None:
    results = make_results(tmp_path, {"SASRec": 0.45, "MSDP": 0.2, "DSPnet": 0.5})
    rows, found = group_runs(results), compare(tmp_path, results, METRICS)
    raw = []
    for metric in METRICS:
        ours, theirs = (
            averaged(label, quality, metric, (7, 8, 9), tmp_path)
            for label, quality in (("DSPnet", 0.5), ("SASRec", 0.45))
        )
        column = by_metric(found)[metric]
        raw.append(stats.ttest_rel(ours, theirs).pvalue)
        assert rows[column.baseline].label == "SASRec" and rows[column.dspnet].label == "DSPnet"
        assert column.difference.value == pytest.approx(np.mean(ours - theirs), rel=1e-5)
        assert column.relative == pytest.approx(np.mean(ours) / np.mean(theirs) - 1, rel=1e-5)
        assert column.p_value == pytest.approx(raw[-1], rel=1e-4)
        assert column.difference.low < column.difference.value < column.difference.high
        assert (column.seeds, column.users, column.reason) == ((7, 8, 9), 120, None)
    assert found.tests == 12
    assert [column.adjusted for column in found.columns] == pytest.approx(holm(raw).tolist(), rel=1e-4)
    significant = [column.significant for column in found.columns]
    assert significant == (holm(raw) < 0.05).tolist() and any(significant)


def test_the_best_baseline_is_that_of_the_column(tmp_path: pathlib.Path) -> None:
    first, second = values(0.2), values(0.2)
    first["next_item/recall@5"], second["next_item/ndcg@5"] = (np.ones(120, np.float32) for _ in range(2))
    results = [result("SASRec", measured=first, folder=tmp_path), result("CARCA", measured=second, folder=tmp_path)]
    results += [result("w/o CCR", quality=0.9, folder=tmp_path), result("DSPnet", quality=0.3, folder=tmp_path)]
    rows = group_runs(results)
    found = by_metric(compare(tmp_path, results, METRICS))
    assert rows[found["next_item/recall@5"].baseline].label == "SASRec"
    assert rows[found["next_item/ndcg@5"].baseline].label == "CARCA"
    assert found["next_item/ndcg@5"].significant and found["next_item/ndcg@5"].difference.value < 0


def test_only_seeds_that_both_have_are_averaged(tmp_path: pathlib.Path) -> None:
    results = make_results(tmp_path, {"SASRec": 0.4}, (8, 9)) + make_results(tmp_path, {"DSPnet": 0.5}, (7, 8))
    column = compare(tmp_path, results, ["next_item/recall@10"]).columns[0]
    alone = compare(tmp_path, [results[0], results[3]], ["next_item/recall@10"]).columns[0]
    assert column.seeds == (8,)
    assert column == alone


def test_a_statistical_method_is_the_same_with_any_seed(tmp_path: pathlib.Path) -> None:
    results = [result("popularity", 7, 0.4, tmp_path), *make_results(tmp_path, {"DSPnet": 0.5}, (8, 9))]
    column = compare(tmp_path, results, ["next_item/recall@10"]).columns[0]
    assert column.seeds == (8, 9) and column.p_value is not None
    ours = averaged("DSPnet", 0.5, "next_item/recall@10", (8, 9), tmp_path)
    theirs = averaged("popularity", 0.4, "next_item/recall@10", (7,), tmp_path)
    assert column.p_value == pytest.approx(stats.ttest_rel(ours, theirs).pvalue, rel=1e-4)


def test_sequences_pair_whatever_their_order(tmp_path: pathlib.Path) -> None:
    results = make_results(tmp_path, {"SASRec": 0.4, "DSPnet": 0.5}, (7, 8))
    before = compare(tmp_path, results, METRICS)
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = run_folder(tmp_path, results[-1]) / "sequences.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(pa.array(np.random.default_rng(3).permutation(len(table)))), path)
    after = compare(tmp_path, results, METRICS)
    for old, new in zip(before.columns, after.columns, strict=True):
        assert new.p_value == pytest.approx(old.p_value)
        assert dataclasses.astuple(new.difference) == pytest.approx(dataclasses.astuple(old.difference))


def test_sequences_of_a_user_count_as_one_draw(tmp_path: pathlib.Path) -> None:
    results = [result(label, quality=q, folder=tmp_path) for label, q in (("SASRec", 0.4), ("DSPnet", 0.5))]
    for one in results:
        columns = values(0.5 if one.label == "DSPnet" else 0.4, 1)
        write_sequences(run_folder(tmp_path, one), columns, [f"user {row // 2}" for row in range(120)])
    column = compare(tmp_path, results, ["next_item/recall@10"]).columns[0]
    assert (column.users, column.sequences) == (60, 120)


def test_each_target_of_dspnet_meets_the_best_baseline_of_any(tmp_path: pathlib.Path) -> None:
    results = [result("SASRec", 7, q, tmp_path, target=t) for t, q in (("next", 0.3), ("period", 0.45))]
    results += [result("DSPnet", 7, q, tmp_path, target=t) for t, q in (("next", 0.4), ("period", 0.5))]
    rows = group_runs(results)
    found = compare(tmp_path, results, ["next_item/recall@10", "next_item/ndcg@10"])
    assert [(rows[c.dspnet].target, rows[c.baseline].target) for c in found.columns] == [
        ("next", "period"),
        ("next", "period"),
        ("period", "period"),
        ("period", "period"),
    ]
    assert found.tests == 4


def test_what_cannot_be_tested_says_why(tmp_path: pathlib.Path) -> None:
    def reason(*results: RunResult) -> str:
        found = compare(tmp_path, results, ["next_item/recall@10"])
        assert found.tests == 0
        (only,) = found.columns
        means = [one.metrics["next_item/recall@10"] for one in results]
        assert only.difference == Estimate(pytest.approx(means[1] - means[0]), None, None)
        assert only.relative == pytest.approx(means[1] / means[0] - 1)
        assert only.p_value is only.adjusted is only.significant is None
        return only.reason

    ours = result("DSPnet", 7, 0.5, tmp_path)
    assert "no seed in common" in reason(result("SASRec", 8, 0.4, tmp_path), ours)
    assert "different test sets" in reason(result("SASRec", 7, 0.4, tmp_path, digest="other"), ours)
    gone = result("SASRec", 7, 0.4, tmp_path)
    shutil.rmtree(run_folder(tmp_path, gone))
    assert "sequences.parquet: is not there" in reason(gone, ours)
    short = result("SASRec", 7, 0.4, tmp_path, sequences=119)
    assert "result.json beside it is about 119" in reason(short, ours)
    write_sequences(run_folder(tmp_path, short), {"next_item/mrr": np.ones(120)})
    assert "no test sequence" in reason(dataclasses.replace(short, sequences=120), ours)
    write_sequences(run_folder(tmp_path, short), values(0.4), [f"other {row}" for row in range(120)])
    assert "test sets differ" in reason(dataclasses.replace(short, sequences=120), ours)


def test_equal_runs_differ_in_nothing(tmp_path: pathlib.Path) -> None:
    same = values(0.4)
    results = [result(label, measured=same, folder=tmp_path) for label in ("SASRec", "DSPnet")]
    for column in compare(tmp_path, results, METRICS).columns:
        assert (column.p_value, column.adjusted, column.significant) == (1.0, 1.0, False)
        assert column.difference == Estimate(0.0, 0.0, 0.0) and column.relative == 0.0


@pytest.mark.parametrize("labels", [("DSPnet",), ("SASRec", "MSDP"), ("DSPnet", "w/o CCR"), ("popularity",), ()])
def test_without_opponents_nothing_is_compared(tmp_path: pathlib.Path, labels: tuple[str, ...]) -> None:
    found = compare(tmp_path, [result(label, folder=tmp_path) for label in labels], METRICS)
    assert (found.tests, found.columns) == (0, ())


def measured(users: list[bytes], sequences: list[int], **metrics: list[float]) -> MeasuredSequences:
    columns = {name: np.array(column, np.float32) for name, column in metrics.items()}
    return MeasuredSequences(np.array(users), np.array(sequences), np.array(["low"] * len(users)), columns)


def test_each_sequence_has_the_mean_of_its_values_whatever_the_order() -> None:
    first = measured([b"b", b"a", b"a"], [5, 9, 3], r=[1, 0.5, 0])
    second = measured([b"a", b"a", b"b"], [3, 9, 5], r=[1, 0.25, 0])
    mean = average_over_seeds([first, second])
    assert mean.users.tolist() == [b"a", b"a", b"b"] and mean.sequences.tolist() == [3, 9, 5]
    assert mean.metrics["r"].tolist() == [0.5, 0.375, 0.5]
    alone = average_over_seeds([first])
    assert alone.metrics["r"].tolist() == [0, 0.5, 1]


def test_what_any_seed_has_not_measured_has_no_mean() -> None:
    first = measured([b"a", b"b"], [1, 2], r=[1, np.nan], n=[1, 1])
    second = measured([b"a", b"b"], [1, 2], r=[0, 1])
    mean = average_over_seeds([first, second])
    assert list(mean.metrics) == ["r"]
    np.testing.assert_array_equal(mean.metrics["r"], [0.5, np.nan])


@pytest.mark.parametrize("other", [([b"a", b"c"], [1, 2]), ([b"a", b"b"], [1, 3]), ([b"a"], [1])])
def test_other_users_or_futures_are_refused(other: tuple[list[bytes], list[int]]) -> None:
    users, sequences = other
    with pytest.raises(UnequalTestSetsError):
        average_over_seeds([measured([b"a", b"b"], [1, 2], r=[0, 1]), measured(users, sequences, r=[0] * len(users))])


def test_rivals_with_equal_heads_are_compared_apart(tmp_path: pathlib.Path) -> None:
    results = make_results(tmp_path, {"SASRec": 0.6, "SASRec+": 0.45, "MSDP+": 0.2, "DSPnet": 0.5})
    rows = group_runs(results)
    found = compare_with_best(str(tmp_path), rows, METRICS, "equal_heads")
    assert {rows[column.baseline].label for column in found.columns} == {"SASRec+"} and found.tests == 12
    assert {rows[column.baseline].label for column in compare(tmp_path, results, METRICS).columns} == {"SASRec"}


def test_each_idea_is_compared_with_dspnet(tmp_path: pathlib.Path) -> None:
    metric = "next_item/recall@10"
    results = make_results(tmp_path, {"w/o times": 0.2, "with APR": 0.48, "DSPnet": 0.5})
    rows = group_runs(results)
    places = {row.label: place for place, row in enumerate(rows)}
    others = [places["w/o times"], places["with APR"]]
    times, apr = compare_with_each(str(tmp_path), rows, [metric], others).columns
    assert (times.baseline, apr.baseline) == tuple(others)
    own, without = (
        averaged(label, quality, metric, (7, 8, 9), tmp_path)
        for label, quality in (("DSPnet", 0.5), ("w/o times", 0.2))
    )
    assert times.difference.value == pytest.approx(np.mean(own - without), rel=1e-5) and times.significant
    assert [times.adjusted, apr.adjusted] == pytest.approx(holm([times.p_value, apr.p_value]).tolist())


def test_without_dspnet_no_idea_is_judged(tmp_path: pathlib.Path) -> None:
    rows = group_runs(make_results(tmp_path, {"w/o times": 0.2}))
    assert compare_with_each(str(tmp_path), rows, METRICS, [0]).columns == ()
