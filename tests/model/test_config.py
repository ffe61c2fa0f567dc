import pydantic
import pytest

from model.config import EvaluationConfig, ModelConfig


def test_heads_must_divide_widths():
    with pytest.raises(pydantic.ValidationError, match="item_dim must be a multiple of heads.*item_dim=10, heads=4"):
        ModelConfig(item_dim=10, heads=4)


@pytest.mark.parametrize("section", ["thresholds", "max_drop"])
def test_rules_name_measured_metrics(section):
    with pytest.raises(pydantic.ValidationError, match="recall@7.*Choose from.*next_item/recall@5"):
        EvaluationConfig(**{"thresholds": {}, "max_drop": {}, section: {"next_item/recall@7": 0.1}})
