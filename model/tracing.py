"""Less time for TensorFlow to trace and optimize graphs, where these are many and run seldom.

A function of tensors that many graphs call, each with its own network, is traced anew for each of them, although its
part is the same in all. As a function of its own it is traced at the first call, and called from then on.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import tensorflow as tf

_OPTIMIZER = "disable_meta_optimizer"

graph_function = functools.partial(tf.function, autograph=False)
"""`tf.function` without AutoGraph, which would rewrite the source of Keras' layers at every trace and has nothing to
find there."""

P = ParamSpec("P")
R = TypeVar("R")


def traced_once(function: Callable[P, R]) -> Callable[P, R]:
    """Returns a function that is traced once for all graphs that call it with arguments of the same kind.

    Called outside of a graph it runs as it stands, because a trace takes longer than a call or two.

    Args:
        function: takes tensors, nests of them, and values that can be hashed; reads nothing else that may change.
    """
    traced = tf.function(function, autograph=False)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs) if tf.executing_eagerly() else traced(*args, **kwargs)

    return call


@contextlib.contextmanager
def unoptimized() -> Iterator[None]:
    """Lets TensorFlow run graphs as they were traced.

    To optimize a graph of some thousand operations takes seconds, and gains nothing where nearly all of the time goes
    to a product of matrices and to a search for the largest numbers.
    """
    before = tf.config.optimizer.get_experimental_options().get(_OPTIMIZER, False)
    tf.config.optimizer.set_experimental_options({_OPTIMIZER: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({_OPTIMIZER: before})
