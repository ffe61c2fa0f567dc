import pytest
import tensorflow as tf

from model.tracing import traced_once, unoptimized

_OPTIMIZER = "disable_meta_optimizer"


@pytest.fixture
def counted():
    """A function that is traced once, and the list that grows whenever its body runs in Python."""
    runs = []

    @traced_once
    def scale(x, factor):
        runs.append(factor)
        return x * factor

    return scale, runs


def test_graphs_share_one_trace(counted):
    scale, runs = counted
    spec = [tf.TensorSpec([None])]
    for added in (1.0, 2.0):
        graph = tf.function(lambda x, added=added: scale(x, 3) + added, input_signature=spec)
        assert graph(tf.constant([1.0, 2.0])).numpy().tolist() == [3.0 + added, 6.0 + added]
    assert runs == [3]
    assert tf.function(lambda x: scale(x, 4), input_signature=spec)(tf.constant([1.0])).numpy().tolist() == [4.0]
    assert runs == [3, 4], "another number is another graph"


def test_outside_of_graphs_nothing_is_traced(counted):
    scale, runs = counted
    assert scale(2, factor=5) == 10 and scale(2, factor=5) == 10 and runs == [5, 5]


def test_graphs_are_optimized_again_afterwards():
    def is_off():
        return tf.config.optimizer.get_experimental_options().get(_OPTIMIZER, False)

    with pytest.raises(ZeroDivisionError), unoptimized():
        assert is_off()
        raise ZeroDivisionError
    assert not is_off()
