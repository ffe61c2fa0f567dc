import pydantic
import pytest

from model.config import EvaluationConfig, ModelConfig, TrainingConfig
from model.questions import LABELS, choose_question, read_label


def test_heads_must_divide_widths():
    with pytest.raises(pydantic.ValidationError, match="item_dim must be a multiple of heads.*item_dim=10, heads=4"):
        ModelConfig(item_dim=10, heads=4)


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([], "at least 1 item"),
        (["next", "next"], "each question stands once. Received: .'next', 'next'."),
        (["next", "prefix"], "prefix cuts histories, and so is asked alone. Received: .'next', 'prefix'."),
        (
            ["first_7_days", "prefix"],
            "prefix cuts histories, and so is asked alone. Received: .'first_7_days', 'prefix'.",
        ),
        (["last"], "next, period or prefix, or a window as in first_5_events or first_7_days. Received: 'last'"),
        (["next", "first_0_days"], "Received: 'first_0_days'"),
        (["first_5_weeks"], "Received: 'first_5_weeks'"),
        (["first_1.5_days"], "Received: 'first_1.5_days'"),
    ],
)
def test_questions_that_do_not_go_together_are_refused(questions, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        TrainingConfig(questions=questions)


@pytest.mark.parametrize(
    "questions",
    [("next", "period"), ("period", "next"), ("period",), ("prefix",), ("next", "first_5_events", "first_7_days")],
)
def test_questions_have_a_label_that_is_read_again(questions):
    config = TrainingConfig(questions=questions)
    assert config.target == "+".join(questions) and tuple(read_label(config.target)) == questions
    assert TrainingConfig().questions == ("next", "period") and set(LABELS) >= {"next+period", "prefix"}


@pytest.mark.parametrize(
    ("wanted", "asked", "answers"),
    [
        ("next", ["next", "period"], "next"),
        ("period", ["next", "period"], "period"),
        ("next", ["period"], "period"),
        ("period", ["prefix"], "prefix"),
        ("period", ["period", "next"], "period"),
    ],
)
def test_the_first_question_answers_what_none_is_about(wanted, asked, answers):
    assert choose_question(wanted, asked) == answers


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
