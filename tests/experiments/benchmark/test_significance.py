import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
from scipy import stats

from experiments.benchmark.rows import rows_of
from experiments.benchmark.significance import against_best_baseline
from model.evaluation.paired_test import holm
from tests.experiments.benchmark.made_up import METRICS, result, values, write_sequences


def cells(folder: pathlib.Path, qualities: dict[str, float], seeds: tuple[int, ...] = (7, 8, 9)) -> list[dict]:
    return [result(label, seed, quality, folder) for label, quality in qualities.items() for seed in seeds]


def by_metric(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    assert len({column["metric"] for column in found["columns"]}) == len(found["columns"])
    return {column["metric"]: column for column in found["columns"]}


def averaged(label: str, quality: float, metric: str, seeds: tuple[int, ...], folder: pathlib.Path) -> np.ndarray:
    import pyarrow.parquet as pq

    columns = [
        pq.read_table(pathlib.Path(result(label, seed, quality, folder)["folder"]) / "sequences.parquet")[metric]
        for seed in seeds
    ]
    return np.mean([column.to_numpy() for column in columns], axis=0)


def test_it_is_the_paired_test_of_users_averaged_over_seeds(tmp_path: pathlib.Path) -> None:
    rows = rows_of(cells(tmp_path, {"SASRec": 0.45, "MSDP": 0.2, "DSPnet": 0.5}))
    found = against_best_baseline(rows, METRICS)
    raw = []
    for metric in METRICS:
        ours, theirs = (
            averaged(label, quality, metric, (7, 8, 9), tmp_path)
            for label, quality in (("DSPnet", 0.5), ("SASRec", 0.45))
        )
        column = by_metric(found)[metric]
        raw.append(stats.ttest_rel(ours, theirs).pvalue)
        assert rows[column["baseline"]].label == "SASRec" and rows[column["dspnet"]].label == "DSPnet"
        assert column["difference"]["value"] == pytest.approx(np.mean(ours - theirs), rel=1e-5)
        assert column["relative"] == pytest.approx(np.mean(ours) / np.mean(theirs) - 1, rel=1e-5)
        assert column["p_value"] == pytest.approx(raw[-1], rel=1e-4)
        assert column["difference"]["low"] < column["difference"]["value"] < column["difference"]["high"]
        assert (column["seeds"], column["users"], column["reason"]) == ([7, 8, 9], 120, None)
    assert found["tests"] == 12
    assert [column["adjusted"] for column in found["columns"]] == pytest.approx(holm(raw).tolist(), rel=1e-4)
    significant = [column["significant"] for column in found["columns"]]
    assert significant == (holm(raw) < 0.05).tolist() and any(significant)


def test_the_best_baseline_is_that_of_the_column(tmp_path: pathlib.Path) -> None:
    first, second = values(0.2), values(0.2)
    first["next_item/recall@5"], second["next_item/ndcg@5"] = (np.ones(120, np.float32) for _ in range(2))
    results = [result("SASRec", measured=first, folder=tmp_path), result("CARCA", measured=second, folder=tmp_path)]
    results += [result("w/o CCR", quality=0.9, folder=tmp_path), result("DSPnet", quality=0.3, folder=tmp_path)]
    rows = rows_of(results)
    found = by_metric(against_best_baseline(rows, METRICS))
    assert rows[found["next_item/recall@5"]["baseline"]].label == "SASRec"
    assert rows[found["next_item/ndcg@5"]["baseline"]].label == "CARCA"
    assert found["next_item/ndcg@5"]["significant"] and found["next_item/ndcg@5"]["difference"]["value"] < 0


def test_only_seeds_that_both_have_are_averaged(tmp_path: pathlib.Path) -> None:
    results = cells(tmp_path, {"SASRec": 0.4}, (8, 9)) + cells(tmp_path, {"DSPnet": 0.5}, (7, 8))
    column = against_best_baseline(rows_of(results), ["next_item/recall@10"])["columns"][0]
    exclusive_lock = against_best_baseline(rows_of([results[0], results[3]]), ["next_item/recall@10"])["columns"][0]
    assert column["seeds"] == [8]
    assert {**column, "baseline": 0, "dspnet": 1} == {**exclusive_lock, "baseline": 0, "dspnet": 1}


def test_what_is_counted_is_the_same_with_any_seed(tmp_path: pathlib.Path) -> None:
    results = [result("popularity", 7, 0.4, tmp_path), *cells(tmp_path, {"DSPnet": 0.5}, (8, 9))]
    column = against_best_baseline(rows_of(results), ["next_item/recall@10"])["columns"][0]
    assert column["seeds"] == [8, 9] and column["p_value"] is not None
    ours = averaged("DSPnet", 0.5, "next_item/recall@10", (8, 9), tmp_path)
    theirs = averaged("popularity", 0.4, "next_item/recall@10", (7,), tmp_path)
    assert column["p_value"] == pytest.approx(stats.ttest_rel(ours, theirs).pvalue, rel=1e-4)


def test_sequences_pair_whatever_their_order(tmp_path: pathlib.Path) -> None:
    results = cells(tmp_path, {"SASRec": 0.4, "DSPnet": 0.5}, (7, 8))
    before = against_best_baseline(rows_of(results), METRICS)
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = pathlib.Path(results[-1]["folder"]) / "sequences.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(pa.array(np.random.default_rng(3).permutation(len(table)))), path)
    after = against_best_baseline(rows_of(results), METRICS)
    for old, new in zip(before["columns"], after["columns"], strict=True):
        assert new["p_value"] == pytest.approx(old["p_value"]) and new["difference"] == pytest.approx(old["difference"])


def test_sequences_of_a_user_count_as_one_draw(tmp_path: pathlib.Path) -> None:
    results = [result(label, quality=q, folder=tmp_path) for label, q in (("SASRec", 0.4), ("DSPnet", 0.5))]
    for one in results:
        columns = values(0.5 if one["label"] == "DSPnet" else 0.4, 1)
        write_sequences(pathlib.Path(one["folder"]), columns, [f"user {row // 2}" for row in range(120)])
    column = against_best_baseline(rows_of(results), ["next_item/recall@10"])["columns"][0]
    assert (column["users"], column["sequences"]) == (60, 120)


def test_each_target_of_dspnet_meets_the_best_baseline_of_any(tmp_path: pathlib.Path) -> None:
    results = [result("SASRec", 7, q, tmp_path, target=t) for t, q in (("next", 0.3), ("period", 0.45))]
    results += [result("DSPnet", 7, q, tmp_path, target=t) for t, q in (("next", 0.4), ("period", 0.5))]
    rows = rows_of(results)
    found = against_best_baseline(rows, ["next_item/recall@10", "next_item/ndcg@10"])
    assert [(rows[c["dspnet"]].target, rows[c["baseline"]].target) for c in found["columns"]] == [
        ("next", "period"),
        ("next", "period"),
        ("period", "period"),
        ("period", "period"),
    ]
    assert found["tests"] == 4


def test_what_cannot_be_tested_says_why(tmp_path: pathlib.Path) -> None:
    def column(results: list[dict[str, Any]]) -> dict[str, Any]:
        found = against_best_baseline(rows_of(results), ["next_item/recall@10"])
        assert found["tests"] == 0
        (only,) = found["columns"]
        means = [one["metrics"]["next_item/recall@10"] for one in results]
        assert only["difference"] == {"value": pytest.approx(means[1] - means[0]), "low": None, "high": None}
        assert only["relative"] == pytest.approx(means[1] / means[0] - 1)
        assert only["p_value"] is only["adjusted"] is only["significant"] is None
        return only

    ours = result("DSPnet", 7, 0.5, tmp_path)
    assert "no seed in common" in column([result("SASRec", 8, 0.4, tmp_path), ours])["reason"]
    assert "different test sets" in column([result("SASRec", 7, 0.4, tmp_path, digest="other"), ours])["reason"]
    gone = result("SASRec", 7, 0.4, tmp_path)
    shutil.rmtree(gone["folder"])
    assert "sequences.parquet: is not there" in column([gone, ours])["reason"]
    short = result("SASRec", 7, 0.4, tmp_path, sequences=119)
    assert "result.json beside it is about 119" in column([short, ours])["reason"]
    write_sequences(pathlib.Path(short["folder"]), {"next_item/mrr": np.ones(120)})
    assert "no test sequence" in column([{**short, "sequences": 120}, ours])["reason"]
    write_sequences(pathlib.Path(short["folder"]), values(0.4), [f"other {row}" for row in range(120)])
    assert "test sets differ" in column([{**short, "sequences": 120}, ours])["reason"]


def test_equal_runs_differ_in_nothing(tmp_path: pathlib.Path) -> None:
    same = values(0.4)
    results = [result(label, measured=same, folder=tmp_path) for label in ("SASRec", "DSPnet")]
    for column in against_best_baseline(rows_of(results), METRICS)["columns"]:
        assert (column["p_value"], column["adjusted"], column["significant"]) == (1.0, 1.0, False)
        assert column["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0} and column["relative"] == 0.0


@pytest.mark.parametrize("labels", [("DSPnet",), ("SASRec", "MSDP"), ("DSPnet", "w/o CCR"), ("popularity",), ()])
def test_without_rivals_nothing_is_compared(tmp_path: pathlib.Path, labels: tuple[str, ...]) -> None:
    found = against_best_baseline(rows_of([result(label, folder=tmp_path) for label in labels]), METRICS)
    assert (found["tests"], found["columns"]) == (0, [])
