"""A `report.json` that looks like that of a real run, for tests of its page; nothing in it is measured."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pydantic

from components.report.content import DataStatistics, ExampleUser, ReportContent, UserMap
from reporting.environment import Origin
from schemas.evaluation import Evaluation
from schemas.training import TrainingHistory

T = TypeVar("T")

TASKS = {
    "next_item": 0.15,
    "period_items": 0.1,
    "next_scene": 0.9,
    "period_scenes": 0.8,
    "next_unseen_item": 0.05,
    "period_unseen_items": 0.04,
}
LISTS = {"items": 10.0, "unseen_items": 9.0, "scenes": 4.0}
GROUPS = ("low", "medium", "high")
SKILL = {"DSPnet": 1.0, "last blessed model": 0.97, "popularity": 0.5, "own most frequent": 0.95}
EPOCHS = 12


def make_report_json(
    seed: int = 7,
    ks: Sequence[int] = (5, 10),
    scenes: Sequence[str] = tuple(f"{place}/{mailer}" for place in range(6) for mailer in "0A"),
    models: Sequence[str] = tuple(SKILL),
    epochs: int = EPOCHS,
    points: int = 500,
) -> dict[str, Any]:
    """Returns the content of `report.json`, the same for the same arguments.

    Args:
        seed: of all numbers.
        ks: cut-offs of the metrics.
        scenes: raw ids, the most frequent first.
        models: of `SKILL`, the candidate first.
        epochs: of the training.
        points: of each group on the map of users.
    """
    chance = random.Random(seed)
    return {
        "name": "shop",
        "data": _data(chance, scenes),
        "training": _training(chance, epochs),
        "evaluation": _evaluation(chance, ks, scenes, models),
        "users": {
            "method": "t-SNE of z_item, perplexity 30, seed 7",
            "points": [
                {"x": round(chance.gauss(40 * place, 25), 4), "y": round(chance.gauss(0, 25), 4), "group": group}
                for place, group in enumerate(GROUPS)
                for _ in range(points)
            ],
        },
        "examples": [_example(chance, GROUPS[place % 3], scenes) for place in range(10)],
        "origin": {
            "config": {"name": "shop", "model": {"item_dim": 48}},
            "config_text": "name: shop\nmodel:\n  item_dim: 48\n",
            "source_digests": {"Trainer": "9f3c1a", "RankingEvaluator": "77ab02"},
            "versions": {"python": "3.11.7", "tensorflow": "2.16.2"},
        },
    }


def read_content(document: Mapping[str, Any]) -> ReportContent:
    """Returns the content that `report.json` holds."""
    return ReportContent(
        name=document["name"],
        data=_read(DataStatistics, document["data"]),
        training=TrainingHistory.from_json(document["training"]),
        evaluation=Evaluation.from_json(document["evaluation"]),
        users=None if document.get("users") is None else _read(UserMap, document["users"]),
        examples=tuple(_read(ExampleUser, example) for example in document["examples"]),
        origin=_read(Origin, document["origin"]),
    )


def _read(kind: type[T], content: Any) -> T:
    return pydantic.TypeAdapter(kind).validate_python(content)


def _data(chance: random.Random, scenes: Sequence[str]) -> dict[str, Any]:
    rows = [
        {"split": split, "sequences": number, "events": number * 57, "mean_history": 47.25, "mean_future": 9.75}
        for split, number in (("train", 31_766), ("val", 1_936), ("test", 1_922), ("all", 35_624))
    ]
    few, more = [*scenes[:8], *["(other)"][: len(scenes) > 8]], [*scenes[:10], *["(other)"][: len(scenes) > 10]]
    counts = [int(3000 * 0.8**place) for place in range(20)]
    shares = zip(more, _shares(chance, len(more)), strict=True)
    return {
        "table3": rows,
        "items": 62_676,
        "scenes": len(scenes),
        "density": 9.89e-6,
        "lengths": {"edges": [1 + 50 * edge for edge in range(21)], "sequences": counts, "sampled": sum(counts)},
        "scene_shares": [{"scene": scene, "share": share} for scene, share in shares],
        "switches": {"scenes": few, "share": [_shares(chance, len(few)) for _ in few], "switching": 0.3687},
        "sampled_sequences": sum(counts),
        "balance": {
            "events_in": 1_469_307,
            "kept": 1_448_742,
            "beyond_max_history": 4_227,
            "outside_windows": 14_859,
            "filtered_users": 1_469,
            "filtered": 0,
            "rejected": 10,
            "reasons": {"bad_time": 7, "missing_field": 3},
        },
    }


def _training(chance: random.Random, epochs: int) -> dict[str, Any]:
    logged = [
        {
            "epoch": epoch,
            "seconds": 60 + chance.random(),
            "loss": 11.7 * 0.97**epoch,
            "item_loss": 8.8 * 0.97**epoch,
            "scene_loss": 3.0 * 0.97**epoch,
            "apr_loss": -0.4 / epoch,
            "ccr_loss": 780.0 * 0.9**epoch,
            "D_V_accuracy": 0.5 + 0.4 / epoch,
            "val_item_loss": 8.8 + 0.01 * abs(epoch - 5),
            "val_scene_loss": 3.1 * 0.98**epoch,
            "val_ndcg@10": 0.1 - 0.001 * abs(epoch - 5),
        }
        for epoch in range(1, epochs + 1)
    ]
    return {"epochs": logged, "best_epoch": min(5, epochs) or None, "monitor": "val_ndcg@10"}


def _evaluation(
    chance: random.Random, ks: Sequence[int], scenes: Sequence[str], models: Sequence[str]
) -> dict[str, Any]:
    slices = {f"group={group}": f"histories of {place} to {place + 9} events" for place, group in enumerate(GROUPS)}
    slices |= {f"scene={scene}": f"last seen in scene {scene}" for scene in scenes[:10]}
    slices |= {"scene=(other)": "last seen in another scene"}
    slices |= {f"popularity={tenth}": f"targets in tenth {tenth} of the train events" for tenth in range(1, 11)}
    slices |= {"cold": "targets with fewer than 5 events in the train split, or none"}
    measured = {model: dict(_metrics(chance, ks, list(slices), SKILL[model])) for model in models}
    candidate, *others = models
    return {
        "name": "shop",
        "sequences": 1_922,
        "digest": "84b00f4e1b7169f5",
        "catalogue": {"items": 62_676, "scenes": len(scenes)},
        "ties": {"share": 0.8423, "mean_items": 12.4},
        "k": list(ks),
        "slices": {name: {"title": title, "sequences": chance.randint(10, 900)} for name, title in slices.items()},
        "models": {
            model: {"unknown_share": {task: chance.random() / 20 for task in TASKS}, "metrics": metrics}
            for model, metrics in measured.items()
        },
        "differences": {model: _differences(measured[candidate], measured[model]) for model in others},
        "settings": {
            "k": list(ks),
            "thresholds": {"next_item/recall@10": 0.1},
            "max_drop": {},
            "not_below": ["popularity"],
            "batch_size": 256,
        },
        "verdict": {
            "blessed": True,
            "reasons": [
                "next_item/recall@10 0.1722 is at least the threshold 0.1000",
                "no blessed model to compare with",
            ],
        },
    }


def _metrics(
    chance: random.Random, ks: Sequence[int], slices: Sequence[str], skill: float
) -> Iterator[tuple[str, dict[str, float]]]:
    for task, level in TASKS.items():
        names = [f"{metric}@{k}" for k in ks for metric in ("recall", "ndcg", "hit_rate", "map")]
        for metric in (*names, "mrr"):
            yield f"{task}/{metric}", _estimate(chance, level * skill)
            for name in slices:
                if "item" in task or not name.startswith(("popularity=", "cold")):
                    yield f"{task}/{metric}/{name}", _estimate(chance, level * skill)
    for owner, level in LISTS.items():
        for k in ks:
            yield f"{owner}/novelty@{k}", _estimate(chance, level)
            yield f"{owner}/popularity_bias@{k}", _estimate(chance, level / 2)
            yield f"{owner}/coverage@{k}", _estimate(chance, 0.05)


def _estimate(chance: random.Random, level: float) -> dict[str, float]:
    value = level * chance.uniform(0.9, 1.1)
    return {"value": value, "low": value * 0.93, "high": value * 1.07, "sequences": 1_922}


def _differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "value": found["value"] - other[name]["value"],
            "low": found["low"] - other[name]["value"],
            "high": found["high"] - other[name]["value"],
            "p_value": abs(found["value"] - other[name]["value"]) / 10,
        }
        for name, found in one.items()
        if "coverage" not in name
    }


def _shares(chance: random.Random, number: int) -> list[float]:
    weights = [chance.random() / place for place in range(1, number + 1)]
    return [weight / sum(weights) for weight in weights]


def _example(chance: random.Random, group: str, scenes: Sequence[str]) -> dict[str, Any]:
    def event(**more: Any) -> dict[str, Any]:
        item = str(chance.randint(100_000, 20_000_000))
        return {"item": item, "name": chance.choice(["Milk, 1 l", "Bread", None]), **more}

    return {
        "user": f"{chance.getrandbits(128):032x}",
        "group": group,
        "history": [event(scene=chance.choice(scenes)) for _ in range(10)],
        "history_length": 52,
        "recommended": [event(score=-3.0 - place / 7, hit=chance.random() < 0.3) for place in range(10)],
        "truth": [event(scene=chance.choice(scenes), hit=chance.random() < 0.2) for _ in range(8)],
        "future_length": 8,
    }
