import pydantic
import pytest

from model.config import EvaluationConfig, ModelConfig, TrainingConfig


def test_heads_must_divide_widths():
    with pytest.raises(pydantic.ValidationError, match="item_dim must be a multiple of heads.*item_dim=10, heads=4"):
        ModelConfig(item_dim=10, heads=4)


@pytest.mark.parametrize("section", ["thresholds", "max_drop"])
def test_rules_name_measured_metrics(section):
    with pytest.raises(pydantic.ValidationError, match="recall@7.*Choose from.*next_item/recall@5"):
        EvaluationConfig(**{"thresholds": {}, "max_drop": {}, section: {"next_item/recall@7": 0.1}})


@pytest.mark.parametrize(
    "values", [{"learning_rate": float("inf")}, {"seed": 2**32}, {"adversarial": {"weight": float("nan")}}]
)
def test_numbers_that_cannot_be_used_are_refused(values):
    with pytest.raises(pydantic.ValidationError):
        TrainingConfig(**values)
