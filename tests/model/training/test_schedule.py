"""When training validates and when it must end."""

import pytest

from model.training import schedule
from model.training.schedule import FEWEST_STEPS, ROUND_STEPS, Schedule


@pytest.mark.parametrize("epoch_steps", [1, 2, 30, 399, 400, 401, 599, 601, 1000, 12_345, 1_000_000])
def test_a_round_is_an_epoch_or_an_even_part_of_a_long_one(epoch_steps):
    steps = Schedule(epoch_steps, 3).round_steps
    parts = epoch_steps // steps
    assert steps == epoch_steps // parts  # as even as whole steps can be: less than one round is left over
    assert steps <= 1.5 * ROUND_STEPS and (parts == 1 or steps > ROUND_STEPS / 2)
    if epoch_steps <= 1.5 * ROUND_STEPS:
        assert steps == epoch_steps


@pytest.mark.parametrize(("epoch_steps", "epochs"), [(1, 1), (30, 7), (1000, 5), (1001, 5), (12_345, 2), (999, 1)])
def test_rounds_fill_the_epochs_and_no_more(epoch_steps, epochs):
    plan = Schedule(epoch_steps, epochs)
    assert plan.rounds * plan.round_steps <= epochs * epoch_steps < (plan.rounds + 1) * plan.round_steps
    assert plan.epochs_after(plan.rounds) <= epochs
    assert plan.epochs_after(1) == plan.round_steps / epoch_steps


@pytest.mark.parametrize("epoch_steps", [1, 7, 30, 299, 300, 301, 5000])
def test_patience_counts_from_the_first_round_that_ends_after_some_hundred_steps(epoch_steps):
    plan = Schedule(epoch_steps, 1000)
    first = plan.first_round_that_counts()
    assert first * plan.round_steps >= FEWEST_STEPS > (first - 1) * plan.round_steps


@pytest.mark.parametrize(("best", "patience", "expected"), [(0, 2, 6), (1, 2, 6), (4, 2, 6), (5, 2, 7), (9, 3, 12)])
def test_training_is_over_when_patience_is(monkeypatch, best, patience, expected):
    """Rounds of 10 steps, of which the first 4 do not count."""
    monkeypatch.setattr(schedule, "FEWEST_STEPS", 40)
    plan = Schedule(10, 100)
    over = [rounds for rounds in range(best, 30) if plan.is_over(rounds, best, patience)]
    assert over == list(range(expected, 30))
