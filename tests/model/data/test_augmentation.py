import collections

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data.augmentation import augment, hide, mask, reorder

MASK = 99
sequences = st.lists(st.lists(st.integers(0, 6), min_size=7, max_size=7), min_size=1, max_size=4)
seeds = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
quickly = settings(max_examples=40, deadline=None, derandomize=True)


def _events(row):
    return [int(value) for value in row if value]


@quickly
@given(sequences, seeds, st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_mask_changes_nothing_but_its_share_of_events(rows, seed, share):
    masked = mask(tf.constant(rows), tf.constant(seed), MASK, share).numpy()
    for before, after in zip(np.array(rows), masked, strict=True):
        hidden = after == MASK
        np.testing.assert_array_equal(after[~hidden], before[~hidden])
        assert hidden.sum() == int(share * len(_events(before)) + 0.5)
        assert (before[hidden] != 0).all()


@quickly
@given(sequences, seeds)
def test_reorder_shuffles_one_run_and_leaves_padding(rows, seed):
    moved = reorder(tf.constant(rows), tf.constant(seed)).numpy()
    for before, after in zip(np.array(rows), moved, strict=True):
        np.testing.assert_array_equal(before == 0, after == 0)
        assert collections.Counter(_events(before)) == collections.Counter(_events(after))


@quickly
@given(sequences, seeds)
def test_augmentation_does_one_of_the_two(rows, seed):
    changed = augment(tf.constant(rows), tf.constant(seed), MASK, 0.5).numpy()
    for before, after in zip(np.array(rows), changed, strict=True):
        np.testing.assert_array_equal(before == 0, after == 0)
        if MASK in after:
            np.testing.assert_array_equal(after[after != MASK], before[after != MASK])
        else:
            assert collections.Counter(_events(before)) == collections.Counter(_events(after))


def test_reorder_reaches_every_run_and_order():
    """Three events: all 6 orders occur, and no order is much likelier than the process of 3.3 makes it."""
    rows = tf.tile(tf.constant([[0, 1, 2, 0, 3]]), [6000, 1])
    moved = reorder(rows, tf.constant([1, 2])).numpy()
    found = collections.Counter(tuple(_events(row)) for row in moved)
    # Size 2 or 3, each 1/2. Size 2: run (1 2) or (2 3), each 1/2, in either order. Size 3: any order.
    expected = {(1, 2, 3): 1 / 4 + 1 / 12, (2, 1, 3): 1 / 8 + 1 / 12, (1, 3, 2): 1 / 8 + 1 / 12}
    for order in [(2, 3, 1), (3, 1, 2), (3, 2, 1)]:
        expected[order] = 1 / 12
    assert set(found) == set(expected)
    for order, share in expected.items():
        assert found[order] / 6000 == pytest.approx(share, abs=0.02), order


@quickly
@given(sequences, seeds, st.sampled_from([0.0, 0.2, 1.0]), st.integers(0, 8))
def test_mask_hides_a_fewest_number_of_events(rows, seed, share, fewest):
    masked = mask(tf.constant(rows), tf.constant(seed), MASK, share, fewest).numpy()
    for before, after in zip(np.array(rows), masked, strict=True):
        hidden, length = after == MASK, len(_events(before))
        np.testing.assert_array_equal(after[~hidden], before[~hidden])
        assert hidden.sum() == min(length, max(fewest, int(share * length + 0.5)))
        assert (before[hidden] != 0).all()


def test_mask_is_even_over_the_events():
    rows = tf.tile(tf.constant([[5, 0, 5, 5, 5]]), [4000, 1])
    hidden = (mask(rows, tf.constant([3, 4]), MASK, 0.25).numpy() == MASK).mean(axis=0)
    np.testing.assert_allclose(hidden, [0.25, 0, 0.25, 0.25, 0.25], atol=0.03)


@quickly
@given(sequences, seeds, st.sampled_from([0.0, 0.3, 0.999]))
def test_hiding_replaces_events_alone_and_the_same_of_sequences_with_the_same_padding(rows, seed, share):
    hidden = hide(tf.constant(rows), tf.constant(seed), MASK, share).numpy()
    for before, after in zip(np.array(rows), hidden, strict=True):
        np.testing.assert_array_equal(after[after != MASK], before[after != MASK])
        assert (before[after == MASK] != 0).all()
    if share == 0.0:
        np.testing.assert_array_equal(hidden, rows)
    others = tf.cast(tf.constant(rows) != 0, tf.int64) * 5
    paired = hide(others, tf.constant(seed), MASK - 1, share)
    np.testing.assert_array_equal(paired == MASK - 1, hidden == MASK)
    assert paired.dtype == tf.int64


def test_each_event_is_hidden_with_the_same_probability_whatever_becomes_of_others():
    """So the number that are hidden of a history is binomial; one of a single event is hidden now and then."""
    rows = tf.tile(tf.constant([[5, 0, 5, 5, 0], [0, 0, 5, 0, 0]]), [4000, 1])
    hidden = (hide(rows, tf.constant([3, 4]), MASK, 0.3).numpy() == MASK).reshape(4000, 2, 5)
    np.testing.assert_allclose(hidden[:, 0].mean(axis=0), [0.3, 0, 0.3, 0.3, 0], atol=0.03)
    np.testing.assert_allclose(hidden[:, 1].mean(axis=0), [0, 0, 0.3, 0, 0], atol=0.03)
    shares = np.bincount(hidden[:, 0].sum(axis=1), minlength=4) / 4000
    np.testing.assert_allclose(shares, [0.7**3, 3 * 0.3 * 0.7**2, 3 * 0.3**2 * 0.7, 0.3**3], atol=0.03)
    first, again, other = (hide(rows, tf.constant([3, seed]), MASK, 0.3).numpy() for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("shape", [(3, 1), (1, 4)])
def test_empty_and_single_events(shape):
    empty = tf.zeros(shape, tf.int32)
    np.testing.assert_array_equal(augment(empty, tf.constant([1, 1]), MASK, 0.5), empty)
    np.testing.assert_array_equal(hide(empty, tf.constant([1, 1]), MASK, 0.9), empty)
    single = tf.concat([tf.ones([shape[0], 1], tf.int32), empty], axis=1)
    np.testing.assert_array_equal(reorder(single, tf.constant([1, 1])), single)


def test_very_long_sequences():
    rows = tf.range(1, 5001)[tf.newaxis]
    moved = reorder(rows, tf.constant([5, 5])).numpy()[0]
    np.testing.assert_array_equal(np.sort(moved), np.arange(1, 5001))
    changed = np.flatnonzero(moved != np.arange(1, 5001))
    assert len(changed) > 0
    np.testing.assert_array_equal(
        np.sort(moved[changed[0] : changed[-1] + 1]), np.arange(changed[0], changed[-1] + 1) + 1
    )


def test_the_seed_decides():
    rows = tf.tile(tf.range(1, 9)[tf.newaxis], [8, 1])
    first, again, other = (augment(rows, tf.constant(seed), MASK, 0.5).numpy() for seed in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len({tuple(row) for row in first}) > 4  # rows of one batch are changed in different ways
