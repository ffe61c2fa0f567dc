"""report.json is written as it was read: keys, numbers and pointers stay."""

import json
import math

from schemas.training import TrainingHistory
from tests.components.report.report_json import make_report_json, read_content


def test_a_report_is_written_as_it_was_read() -> None:
    document = make_report_json(points=3)
    document["training"] = {**document["training"], "parameters": 7}
    content = read_content(document)
    assert list(content.to_json()) == list(document)
    # As text, so that 1 and 1.0 are two numbers.
    assert json.dumps(content.to_json(), sort_keys=True) == json.dumps(document, sort_keys=True)
    assert read_content(json.loads(json.dumps(content.to_json()))) == content


def test_a_report_of_a_method_that_counts() -> None:
    document = make_report_json(points=3) | {"users": None, "examples": []}
    content = read_content(document)
    assert content.users is None and content.examples == () and content.to_json()["users"] is None


def test_a_history_keeps_whole_numbers_whole() -> None:
    history = TrainingHistory.from_json({"epochs": [{"epoch": 1, "loss": 2.0, "val_loss": None}, {"loss": math.inf}]})
    assert json.dumps(history.epochs[0]) == '{"epoch": 1, "loss": 2.0, "val_loss": null}'
    assert history.epochs[1]["loss"] == math.inf and history.parameters is None
