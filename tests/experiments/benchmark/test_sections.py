import pytest

from experiments.benchmark.sections import describe_target


@pytest.mark.parametrize(
    ("target", "meaning"),
    [
        ("next", "the next items"),
        ("prefix", "what comes next after any prefix"),
        ("first_7_days", "the first 7 days of the future"),
        ("period+next", "all of the future and the next items at once"),
        (
            "next+first_5_events+period",
            "the next items, the first 5 events of the future and all of the future at once",
        ),
    ],
)
def test_what_rows_were_trained_on_is_told_for_any_questions(target, meaning):
    assert describe_target(target) == meaning
