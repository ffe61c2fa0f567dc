import numpy as np
import tensorflow as tf

from model.repeat import RepeatHead

N = 6


def slow(head, scores, histories, representation):
    """The formula of the module's docstring, event by event."""
    scores = scores.copy()
    gates = representation @ head.gate.kernel.numpy() + head.gate.bias.numpy()
    for row, history in enumerate(histories):
        events = [item for item in history if item]
        mass, total = {}, 0.0
        for age, item in enumerate(reversed(events), start=1):
            step = min(int(np.floor(np.log2(age) + 1e-4)), 11)
            total += np.exp(head.age_logits.numpy()[step])
            if item <= N:
                mass[item] = mass.get(item, 0) + np.exp(head.age_logits.numpy()[step])
        for item, value in mass.items():
            copied = gates[row, 0] + gates[row, 1] * np.log(value / total) + head.item_bias.numpy()[item - 1]
            scores[row, item - 1] = np.log(np.exp(scores[row, item - 1]) + np.exp(copied))
    return scores


def test_equals_the_formula():
    rng = np.random.RandomState(0)
    head = RepeatHead(N)
    scores = rng.normal(size=[4, N]).astype(np.float32)
    histories = np.array([[1, 2, 1, 7, 1], [0, 0, 3, 3, 6], [0, 0, 0, 0, 0], [4, 0, 4, 5, 0]])
    representation = rng.normal(size=[4, 3]).astype(np.float32)
    head(tf.constant(scores), tf.constant(histories), tf.constant(representation))
    for weight in head.weights:
        weight.assign(rng.normal(size=weight.shape))
    result = head(tf.constant(scores), tf.constant(histories), tf.constant(representation))
    np.testing.assert_allclose(result, slow(head, scores, histories, representation), atol=1e-5)
    np.testing.assert_array_equal(result[2], scores[2])
