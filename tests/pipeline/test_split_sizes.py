import pytest

from pipeline.config import PipelineConfig, parse_config
from pipeline.split_sizes import find_size_problems, find_size_warnings

BY_TIME = {"split": {"by": "time"}, "windows": {"cutoffs": ["2024-06-01", "2024-07-01", "2024-08-01"]}}


def configure(**sections: dict) -> PipelineConfig:
    values = {"name": "log", "source": {"path": "log.csv"}, "windows": {"cutoffs": ["2024-08-01"]}, **sections}
    return parse_config(values, "test")


def sizes(train: int, val: int, test: int) -> dict[str, int]:
    return {"train": train, "val": val, "test": test}


def test_enough_is_no_problem() -> None:
    config = configure(training={"batch_size": 32})
    assert find_size_problems(config, sizes(32, 1, 2)) == []
    assert find_size_warnings(config, sizes(32, 1, 100)) == []


def test_a_batch_larger_than_the_train_split() -> None:
    (problem,) = find_size_problems(configure(training={"batch_size": 33}), sizes(32, 1, 2))
    assert "32 sequences, fewer than one batch of 33" in problem and "lower training.batch_size" in problem


def test_a_method_that_counts_needs_no_batch() -> None:
    config = configure(model={"name": "popularity"}, training={"batch_size": 33})
    assert find_size_problems(config, sizes(32, 0, 2)) == find_size_warnings(config, sizes(32, 0, 100)) == []


@pytest.mark.parametrize("test", [0, 1])
@pytest.mark.parametrize(
    ("sections", "advice"), [({}, "larger test share"), (BY_TIME, "Choose an earlier last cutoff in windows.cutoffs")]
)
def test_a_test_split_too_small_to_measure_on(test: int, sections: dict, advice: str) -> None:
    (problem,) = find_size_problems(configure(**sections), sizes(200, 1, test))
    assert f"The test split has {test} sequences" in problem and advice in problem


def test_all_problems_are_listed() -> None:
    assert len(find_size_problems(configure(), sizes(3, 0, 0))) == 2


def test_few_tests_and_no_validation_are_warned_of() -> None:
    few, empty = (find_size_warnings(configure(), sizes(100, *rest)) for rest in ((5, 99), (0, 100)))
    assert "99 sequences: too few to rely on" in few[0]
    assert "The val split is empty: training lasts for training.epochs=100" in empty[0]
    assert (len(few), len(empty)) == (1, 1)
