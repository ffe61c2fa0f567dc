import json

import pytest

from schemas.evaluation import (
    CatalogueSizes,
    Difference,
    Evaluation,
    Metric,
    ModelEvaluation,
    Slice,
    Ties,
    Verdict,
    parse_evaluation,
)

EVALUATION = Evaluation(
    sequences=30,
    digest="9f3c",
    k=(1, 5),
    slices={"group=low": Slice("histories of at most 3 events", 10)},
    models={
        "DSPnet": ModelEvaluation({"next_item/mrr": Metric(0.5, 0.25, 0.75, 30)}, {"next_item": 0.125}),
        "popularity": ModelEvaluation({"next_item/mrr": Metric(0.25, 0.0, 0.5, 30)}, {}),
    },
    differences={"popularity": {"next_item/mrr": Difference(0.25, None, None, None)}},
    catalogue=CatalogueSizes(100, 4),
    ties=Ties(0.25, 1.5),
    name="shop",
    settings={"k": [1, 5]},
    verdict=Verdict(True, ("nothing is asked for",)),
)


def test_an_evaluation_comes_back_from_its_file() -> None:
    assert parse_evaluation(json.dumps(EVALUATION.to_json())) == EVALUATION
    assert EVALUATION.candidate == "DSPnet"


def test_the_keys_of_the_file() -> None:
    content = EVALUATION.to_json()
    assert list(content) == [
        *(
            "name",
            "sequences",
            "digest",
            "slices",
            "models",
            "differences",
            "catalogue",
            "ties",
            "k",
            "settings",
            "verdict",
        )
    ]
    assert content["ties"] == {"share": 0.25, "mean_items": 1.5}
    assert content["models"]["DSPnet"] == {
        "metrics": {"next_item/mrr": {"value": 0.5, "low": 0.25, "high": 0.75, "sequences": 30}},
        "unknown_share": {"next_item": 0.125},
    }
    assert content["differences"]["popularity"]["next_item/mrr"] == dict.fromkeys(("low", "high", "p_value")) | {
        "value": 0.25
    }


def test_what_an_older_version_left_out_may_be_missing() -> None:
    found = Evaluation.from_json({"name": "shop", "sequences": 2, "digest": "0", "k": [10]})
    assert (found.k, found.slices, found.models, found.catalogue, found.verdict) == ((10,), {}, {}, None, None)
    assert found.ties is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is damaged, it holds no JSON"),
        ("[]", "is damaged: expected a JSON object"),
        ('{"name": "shop", "k": [1]}', "has no sequences, digest; an older version of DSPnet wrote it"),
        ('{"name": "", "sequences": 2, "digest": "0", "k": [1], "slices": [1]}', "does not hold an evaluation"),
        ('{"name": "", "sequences": 2, "digest": "0", "k": 1}', "does not hold an evaluation"),
    ],
)
def test_what_is_no_evaluation_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_evaluation(text)
