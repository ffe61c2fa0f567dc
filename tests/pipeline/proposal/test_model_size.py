import numpy as np
import pytest

from pipeline.proposal.log_profile import LogProfile, UserEvents
from pipeline.proposal.model_size import MEMORY_SHARE, choose_size

GB = 10**9


def profile(items: int, events: int = 8, users: int = 100) -> LogProfile:
    ids = np.repeat(np.arange(users, dtype=np.uint64), events)
    held = UserEvents(ids, np.arange(len(ids)), np.arange(len(ids)), 1.0)
    return LogProfile(len(ids), {}, 0, 1, items, 1, held, 1.0, ())


def test_a_larger_catalogue_gets_a_wider_model() -> None:
    widths = [choose_size(profile(items), 10_000, 100 * GB).item_dim for items in (50, 1_000, 50_000)]
    assert widths == [16, 32, 64]


@pytest.mark.parametrize("memory", [6 * GB, 10 * GB])
def test_a_model_fits_the_memory(memory: int) -> None:
    size = choose_size(profile(3_000_000), 10_000, memory)
    assert size.is_tight and size.training_bytes <= memory * MEMORY_SHARE
    assert size.samples_candidates


@pytest.mark.parametrize("train", [1, 7, 8, 100, 300, 5_000, 10**6])
def test_a_batch_is_never_larger_than_the_train_split(train: int) -> None:
    assert 1 <= choose_size(profile(50), train, 10 * GB).batch_size <= min(train, 256)


def test_histories_are_as_long_as_those_of_most_users() -> None:
    sizes = [choose_size(profile(50, events), 100, 10 * GB) for events in (5, 15, 40, 1_000)]
    assert [(size.max_length, size.max_history) for size in sizes] == [(10, 50), (20, 50), (50, 50), (50, 500)]
