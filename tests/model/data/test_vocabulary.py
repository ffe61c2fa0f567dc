import numpy as np
import pytest
import tensorflow as tf

from model.data.vocabulary import FingerprintTable, fingerprint_strings
from schemas.identity import PAD_FINGERPRINT, fingerprints

KNOWN = np.array([900, 3, 2**63 - 2, 0, 77], np.int64)


def test_looks_up_like_a_dictionary():
    table = FingerprintTable(KNOWN)
    asked = np.array([[77, 900, 5], [PAD_FINGERPRINT, 2**63 - 2, 0]], np.int64)
    expected = {int(value): place + 1 for place, value in enumerate(KNOWN)}
    expected[PAD_FINGERPRINT] = 0
    np.testing.assert_array_equal(
        table(tf.constant(asked)), [[expected.get(int(value), 6) for value in row] for row in asked]
    )
    assert table.unknown_index == 6


def test_empty_batch_keeps_its_shape():
    assert FingerprintTable(KNOWN)(tf.zeros([2, 0], tf.int64)).shape == (2, 0)


@pytest.mark.parametrize("bad", [[], [1, 1], [-1, 4]])
def test_refuses_bad_fingerprints(bad):
    with pytest.raises(ValueError, match="ingerprint"):
        FingerprintTable(np.array(bad, np.int64))


def test_graph_and_ingest_compute_one_fingerprint():
    raw = ["12", "", "é", "e4_d3_r1", "x" * 300]
    expected = fingerprints(raw)
    expected[1] = PAD_FINGERPRINT
    np.testing.assert_array_equal(fingerprint_strings(tf.constant(raw)), expected)
