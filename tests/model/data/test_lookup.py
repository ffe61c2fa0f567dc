import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data.vocabulary import find

NUMBERS = st.lists(st.integers(0, 20), max_size=15)


@settings(max_examples=50, deadline=None)
@given(ordered=NUMBERS, wanted=NUMBERS)
def test_finds_what_is_there(ordered, wanted):
    ordered = sorted(ordered)
    found, place = find(tf.constant(ordered, tf.int64), tf.constant(wanted, tf.int64))
    expected = [at for at, number in enumerate(wanted) if number in ordered]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(place, [ordered.index(wanted[at]) for at in expected])
