"""Compares TensorFlow gradients with finite differences of a NumPy function."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf


def assert_gradients(
    function: Callable, transcription: Callable, arguments: Sequence[np.ndarray], rtol: float = 1e-5, atol: float = 1e-7
) -> None:
    """Fails unless the gradient of a weighted sum of `function` is that of the same sum of `transcription`.

    Each entry has a weight of its own, so that a gradient that mixes up rows is found out.

    Args:
        function: takes float64 tensors.
        transcription: the same function in NumPy, of which central differences are taken.
        arguments: float64 arrays.
        rtol: relative tolerance.
        atol: absolute tolerance.
    """
    variables = [tf.Variable(argument) for argument in arguments]
    with tf.GradientTape() as tape:
        values = function(*(variable + 0.0 for variable in variables))
        weights = np.arange(1.0, 1 + values.shape.num_elements()).reshape(values.shape)
        total = tf.reduce_sum(weights * values)
    for number, gradient in enumerate(tape.gradient(total, variables)):
        expected = np.zeros_like(arguments[number])
        for place in np.ndindex(expected.shape):
            shifted = []
            for step in (1e-5, -1e-5):
                changed = [argument.copy() for argument in arguments]
                changed[number][place] += step
                shifted.append(np.sum(weights * transcription(*changed)))
            expected[place] = (shifted[0] - shifted[1]) / 2e-5
        np.testing.assert_allclose(tf.convert_to_tensor(gradient), expected, rtol=rtol, atol=atol)
