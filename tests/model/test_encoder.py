import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from model.encoder import SequenceEncoder

N, DIM, LENGTH = 9, 8, 5


@pytest.fixture(scope="module")
def encoder():
    tf_keras.utils.set_random_seed(3)
    layer = SequenceEncoder(N, DIM, LENGTH, layers=2, heads=2, dropout=0.1)
    layer(tf.zeros([1, 2], tf.int32))
    for weight in layer.trainable_variables:  # away from the small start values, so that errors show
        weight.assign(tf.random.stateless_normal(weight.shape, [1, weight.shape.num_elements() or 1], stddev=0.7))
    return layer


def _norm(x, weights):
    gamma, beta = (w.numpy() for w in weights)
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-6) * gamma + beta


def _transcription(encoder, sequence):
    """Eq. 2 for one sequence without padding, after BERT4Rec, in NumPy."""
    x = encoder.embeddings.numpy()[sequence] + encoder.positions.numpy()[LENGTH - len(sequence) :]
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


@pytest.mark.parametrize("sequence", [[4], [1, 2, 3], [9, 9, 9, 9], [10, 2, 5, 7, 1]])
def test_equals_numpy_transcription_of_eq_2(encoder, sequence):
    np.testing.assert_allclose(encoder(tf.constant([sequence]))[0], _transcription(encoder, sequence), atol=2e-5)


def test_padding_on_any_side_changes_nothing(encoder):
    plain = encoder(tf.constant([[1, 2, 3]]))[0]
    for padded in ([0, 0, 1, 2, 3], [1, 2, 3, 0, 0, 0, 0], [1, 0, 2, 0, 3]):
        np.testing.assert_allclose(encoder(tf.constant([padded]))[0], plain, atol=1e-5)


def test_only_the_latest_events_are_read(encoder):
    long = encoder(tf.constant([[7, 8, 1, 2, 3, 4, 5]]))
    np.testing.assert_allclose(long, encoder(tf.constant([[1, 2, 3, 4, 5]])), atol=1e-5)


@pytest.mark.parametrize("shape", [[2, 3], [2, 0]])
def test_a_sequence_without_events_is_zero(encoder, shape):
    np.testing.assert_array_equal(encoder(tf.zeros(shape, tf.int32)), np.zeros([2, DIM]))


def test_order_matters(encoder):
    assert np.abs(encoder(tf.constant([[1, 2, 3]])) - encoder(tf.constant([[2, 1, 3]]))).max() > 1e-3


def test_candidates_are_the_catalogue_without_padding_and_unknown(encoder):
    np.testing.assert_array_equal(encoder.candidates(), encoder.embeddings.numpy()[1 : N + 1])
