import itertools

import numpy as np
import pytest

from model.data.sequences import TrainSequences
from tests.model.baselines.small_data import indices, known_catalogues, random_sequences
from tests.sequence_data import write_examples

DATA = random_sequences()
CATALOGUES = known_catalogues(DATA)


def _rows(events, column):
    return [events[column][start:stop].tolist() for start, stop in itertools.pairwise(events.starts)]


def _expected(parts, kind):
    return [indices([[event[kind] for event in part]], CATALOGUES[kind]).numpy()[0].tolist() for part in parts]


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_everything_comes_back_in_order_and_again(tmp_path, batch_size):
    for number in range(2):
        write_examples(tmp_path / f"part{number}.gz", DATA[number * 25 : number * 25 + 25], range(number * 25, 40)[:25])
    train = TrainSequences([str(tmp_path / "*.gz")], *CATALOGUES, batch_size=batch_size)
    for _ in range(2):
        batches = list(train)
        assert [len(batch.users) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
        for name, times in (("history", "history_times"), ("future", "future_times")):
            parts = [getattr(batch, name) for batch in batches]
            for kind in range(2):
                found = [row for events in parts for row in _rows(events, kind)]
                assert found == _expected([getattr(one, name) for one in DATA], kind)
            assert [row for events in parts for row in _rows(events, 2)] == [getattr(one, times) for one in DATA]
        assert len({user for batch in batches for user in batch.users}) == len(DATA)


def test_a_user_is_the_same_in_every_sequence(tmp_path):
    users = [3, 1, 3, 2, 1, 3]
    train = TrainSequences([write_examples(tmp_path / "data.gz", DATA[:6], users)], *CATALOGUES, batch_size=2)
    found = np.concatenate([batch.users for batch in train])
    one, other = np.indices([6, 6])
    np.testing.assert_array_equal(found[one] == found[other], np.array(users)[one] == np.array(users)[other])


def test_an_empty_file_has_no_batches(tmp_path):
    assert not list(TrainSequences([write_examples(tmp_path / "data.gz", [])], *CATALOGUES))


def test_no_file_is_refused_with_its_pattern(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No example files match .*nowhere.*has SequenceExampleGen"):
        TrainSequences([str(tmp_path / "nowhere*.gz")], *CATALOGUES)
