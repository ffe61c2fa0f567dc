import numpy as np
import pytest

from model.data.pair_counts import PairCounts


@pytest.mark.parametrize("waiting", [1, 10, 10_000])
def test_counts_known_pairs_however_many_wait(waiting):
    rng = np.random.RandomState(0)
    counts, expected = PairCounts(5, 8, waiting), np.zeros([5, 8], int)
    for number in (20, 0, 1, 50):
        rows, columns = rng.randint(7, size=number).astype(np.int32), rng.randint(10, size=number).astype(np.int32)
        counts.add(rows, columns)
        for row, column in zip(rows, columns, strict=True):
            if 1 <= row <= 5 and 1 <= column <= 8:
                expected[row - 1, column - 1] += 1
    matrix = counts.matrix()
    np.testing.assert_array_equal(matrix.toarray(), expected)
    assert matrix.has_canonical_format and matrix.has_sorted_indices
    np.testing.assert_array_equal(counts.matrix().toarray(), expected)


def test_counting_goes_on_after_a_look():
    counts = PairCounts(2, 2)
    assert counts.matrix().shape == (2, 2) and not counts.matrix().nnz
    one = np.array([1], np.int32)
    for number in (1, 2):
        counts.add(one, one)
        assert counts.matrix().toarray().tolist() == [[number, 0], [0, 0]]


def test_what_waits_stays_in_bounds():
    """Memory holds what is summed and as much again, not all pairs ever added."""
    counts = PairCounts(3, 3, waiting=10)
    for _ in range(100):
        counts.add(*np.random.RandomState(0).randint(1, 4, size=[2, 4]).astype(np.int32))
        assert sum(len(rows) for rows, _ in counts._waiting) < 10
    assert counts.matrix().sum() == 400
