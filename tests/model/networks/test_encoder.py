import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from model.networks.encoder import SequenceEncoder

DIM, LENGTH = 8, 5
EVENTS = tf.random.stateless_normal([7, DIM], [4, 4]).numpy()


@pytest.fixture(scope="module")
def encoder():
    tf_keras.utils.set_random_seed(3)
    layer = SequenceEncoder(DIM, LENGTH, layers=2, heads=2, dropout=0.1)
    layer(tf.zeros([1, 2, DIM]), tf.ones([1, 2], tf.bool))
    for weight in layer.trainable_variables:  # away from the small start values, so that errors show
        weight.assign(tf.random.stateless_normal(weight.shape, [1, weight.shape.num_elements() or 1], stddev=0.7))
    return layer


def _norm(x, weights):
    gamma, beta = (w.numpy() for w in weights)
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-6) * gamma + beta


def _encode(encoder, events, padding=0):
    embedded = tf.constant(np.concatenate([np.full([padding, DIM], 9.0, np.float32), events])[np.newaxis])
    return encoder(embedded, tf.constant([[False] * padding + [True] * len(events)]))[0]


def _transcription(encoder, sequence):
    """Eq. 2 for one sequence without padding, after BERT4Rec, in NumPy."""
    x = sequence + encoder.positions.numpy()[LENGTH - len(sequence) :]
    x = _norm(x, encoder.norm.weights)
    for layer in encoder.layers:
        (wq, bq, wk, bk, wv, bv, wo, bo) = (w.numpy() for w in layer.attention.weights)
        heads = []
        for head in range(2):
            q = x @ wq[:, head] + bq[head]
            k = x @ wk[:, head] + bk[head]
            v = x @ wv[:, head] + bv[head]
            weights = np.exp(q @ k.T / math.sqrt(DIM // 2))
            heads.append((weights / weights.sum(-1, keepdims=True)) @ v @ wo[head])
        x = _norm(x + sum(heads) + bo, layer.attention_norm.weights)
        hidden = x @ layer.expand.kernel.numpy() + layer.expand.bias.numpy()
        gelu = 0.5 * hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
        x = _norm(x + gelu @ layer.contract.kernel.numpy() + layer.contract.bias.numpy(), layer.output_norm.weights)
    return x[-1]


@pytest.mark.parametrize("sequence", [[4], [1, 2, 3], [6, 6, 6, 6], [0, 2, 5, 3, 1]])
def test_equals_numpy_transcription_of_eq_2(encoder, sequence):
    np.testing.assert_allclose(_encode(encoder, EVENTS[sequence]), _transcription(encoder, EVENTS[sequence]), atol=2e-5)


def test_padding_changes_nothing(encoder):
    plain = _encode(encoder, EVENTS[:3])
    for padding in (1, 2):
        np.testing.assert_allclose(_encode(encoder, EVENTS[:3], padding), plain, atol=1e-5)


def test_a_sequence_without_events_is_zero(encoder):
    nothing = encoder(tf.ones([2, 3, DIM]), tf.zeros([2, 3], tf.bool))
    np.testing.assert_array_equal(nothing, np.zeros([2, DIM]))


def test_order_matters(encoder):
    assert np.abs(_encode(encoder, EVENTS[[1, 2, 3]]) - _encode(encoder, EVENTS[[2, 1, 3]])).max() > 1e-3
