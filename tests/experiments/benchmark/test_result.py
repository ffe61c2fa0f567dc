"""Each number of the tables against one that is computed from what was measured of each sequence, in another way."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from tests.experiments.benchmark.made_up import GROUPS, result, run_folder, summarise, unfinished, write_sequences

SEQUENCES, USERS = 90, 40
METRICS = [f"{task}/{kind}@10" for task in ("next_item", "period_items", "next_scene") for kind in ("recall", "ndcg")]
STRONG = {"MSDP": METRICS[0], "popularity": METRICS[1], "SASRec": METRICS[2]}
SEEDS = {"DSPnet": (7, 8, 9), "SASRec": (7, 8, 9), "MSDP": (7, 8), "w/o CCR": (7, 8, 9), "popularity": (7,)}

Values = dict[str, npt.NDArray[np.float32]]


def measure(label: str, seed: int) -> Values:
    """Returns values of any kind, where the scene of some sequences is unknown, and each rival is good at something."""
    random = np.random.default_rng([seed, *label.encode()])
    found = {metric: random.beta(1 + METRICS.index(metric), 3, SEQUENCES).astype(np.float32) for metric in METRICS}
    if label in STRONG:
        found[STRONG[label]] = np.maximum(found[STRONG[label]], np.float32(0.7))
    for metric in METRICS[4:]:
        found[metric][:7] = np.nan
    return found


@pytest.fixture(scope="module")
def raw() -> dict[str, list[Values]]:
    """What was measured of each sequence, by row and seed."""
    return {label: [measure(label, seed) for seed in seeds] for label, seeds in SEEDS.items()}


@pytest.fixture(scope="module")
def users() -> list[str]:
    """Whose the sequences are: some users have many."""
    return [f"{user:064x}" for user in np.random.default_rng(3).zipf(1.7, SEQUENCES) % USERS]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory, raw: dict[str, list[Values]], users: list[str]) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("benchmark")
    results = []
    for label, seeds in SEEDS.items():
        for seed, measured in zip(seeds, raw[label], strict=True):
            one = result(label, seed, measured=measured, folder=folder)
            config = {**one.config, "evaluation": {"k": [10]}}
            one = dataclasses.replace(one, config=config)
            write_sequences(run_folder(folder, one), measured, users)
            results.append(one)
    results += [unfinished("MSDP", 9, config=config), unfinished("CARCA", config=config)]
    return summarise(results, folder).to_json()


def means(runs: list[Values], metric: str, group: str | None = None) -> list[float]:
    inside = np.array([group in (None, GROUPS[row % 3]) for row in range(SEQUENCES)])
    columns = [run[metric].astype(np.float64)[inside] for run in runs]
    return [column[~np.isnan(column)].sum() / np.count_nonzero(~np.isnan(column)) for column in columns]


def test_means_spreads_and_marks(content: dict[str, Any], raw: dict[str, list[Values]]) -> None:
    tables = [*content["tables"], *content["groups"]]
    assert [len(table["columns"]) for table in tables] == [2, 2, 2, 6, 6]
    for table in tables:
        for place, column in enumerate(table["columns"]):
            metric, _, group = column["metric"].partition("/group=")
            cells = {content["rows"][of["row"]]["label"]: of["cells"][place] for of in table["rows"]}
            nothing = {"mean": None, "spread": None, "seeds": 0, "mark": None}
            assert cells.pop("CARCA") == {"state": "out_of_memory", **nothing}
            wanted = {label: np.array(means(raw[label], metric, group or None)) for label in SEEDS}
            for label, values in wanted.items():
                assert cells[label]["mean"] == pytest.approx(np.mean(values))
                spread = None if len(values) == 1 else pytest.approx(np.std(values, ddof=1))
                assert (cells[label]["spread"], cells[label]["seeds"]) == (spread, len(SEEDS[label]))
            ranked = sorted(set(SEEDS) - {"w/o CCR"}, key=lambda label: -np.mean(wanted[label]))
            marks = {label: cell["mark"] for label, cell in cells.items() if cell["mark"]}
            assert marks == {ranked[0]: "best", ranked[1]: "second"}


def test_differences_to_the_best_baseline(
    content: dict[str, Any], raw: dict[str, list[Values]], users: list[str]
) -> None:
    columns = content["comparisons"]["columns"]
    assert [column["metric"] for column in columns] == METRICS and content["comparisons"]["tests"] == len(METRICS)
    chosen = set()
    for column in columns:
        metric = column["metric"]
        best = max(("SASRec", "MSDP", "popularity"), key=lambda label: np.mean(means(raw[label], metric)))
        assert content["rows"][column["baseline"]]["label"] == best
        chosen.add(best)
        seeds = [7, 8] if best == "MSDP" else [7, 8, 9]
        assert column["seeds"] == seeds
        ours = np.mean([raw["DSPnet"][place][metric] for place in range(len(seeds))], axis=0, dtype=np.float64)
        theirs = np.mean([run[metric] for run in raw[best]], axis=0, dtype=np.float64)
        known = np.flatnonzero(~np.isnan(ours - theirs))
        assert column["dspnet_mean"] == pytest.approx(ours[known].mean(), rel=1e-5)
        assert column["baseline_mean"] == pytest.approx(theirs[known].mean(), rel=1e-5)
        difference, p_value = clustered_t_test(ours[known] - theirs[known], [users[row] for row in known])
        assert column["difference"]["value"] == pytest.approx(difference, rel=1e-4)
        assert column["p_value"] == pytest.approx(p_value, rel=1e-4)
        assert (column["sequences"], column["users"]) == (len(known), len({users[row] for row in known}))
    assert chosen == {"SASRec", "MSDP", "popularity"}, "each kind of rival is tested"
    raw_p = np.array([column["p_value"] for column in columns])
    wanted = [max(min(1.0, p * np.count_nonzero(raw_p >= p)) for p in raw_p[raw_p <= own]) for own in raw_p]
    assert [column["adjusted"] for column in columns] == pytest.approx(wanted)


def clustered_t_test(differences: npt.NDArray[np.float64], users: list[str]) -> tuple[float, float]:
    """Regresses differences on a constant, with the variance of users as clusters, as textbooks of econometrics do."""
    mean, number = differences.mean(), len(differences)
    scores = [sum(differences[row] - mean for row in range(number) if users[row] == user) for user in set(users)]
    clusters = len(scores)
    variance = sum(score**2 for score in scores) / number**2 * clusters / (clusters - 1)
    return mean, 2 * stats.t(clusters - 1).sf(abs(mean) / variance**0.5)


def test_what_is_shown_alike_is_ranked_by_what_is_behind_it() -> None:
    hits = {"SASRec": 1002, "MSDP": 1001, "CARCA": 1002, "ContraRec": 1003, "SceneCTC": 1000}
    results = [
        result(label, measured={"next_item/recall@10": (np.arange(30_000) < number).astype(np.float32)})
        for label, number in hits.items()
    ]
    table = summarise(results).to_json()["tables"][0]
    place = [column["metric"] for column in table["columns"]].index("next_item/recall@10")
    cells = {of_row["label"]: of_row["cells"][place] for of_row in table["rows"]}
    assert len({f"{cells[label]['mean']:.4f}" for label in hits if label != "SceneCTC"}) == 1
    marks = {label: cell["mark"] for label, cell in cells.items() if cell["mark"]}
    assert marks == {"ContraRec": "best", "CARCA": "second", "SASRec": "second"}
