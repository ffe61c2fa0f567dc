"""Which epoch of a training is the last one that fits into its passes."""

import pytest

from model.training.schedule import Schedule
from schemas.training import count_passes, is_last


@pytest.mark.parametrize(("epoch_steps", "epochs"), [(1, 1), (30, 7), (999, 3), (1001, 5), (12_345, 2), (4_000_001, 1)])
def test_the_last_epoch_is_the_one_after_which_no_round_fits(epoch_steps, epochs):
    schedule = Schedule(epoch_steps, epochs)
    for number in {1, schedule.rounds - 1, schedule.rounds} - {0}:
        entry = {"epoch": number, "passes": schedule.epochs_after(number)}
        assert count_passes(entry) == schedule.epochs_after(number)
        assert is_last(entry, epochs) == (number == schedule.rounds)


def test_an_epoch_without_passes_is_one():
    assert count_passes({"epoch": 4}) == 4
    assert [is_last({"epoch": number}, 3) for number in (1, 2, 3, 4)] == [False, False, True, True]
