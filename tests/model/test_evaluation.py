import numpy as np
import pytest
import tensorflow as tf

from model.evaluation import evaluate
from model.input import fingerprint_batches
from tests.sequence_data import Sequence, catalogues, planted, write_examples


class Oracle:
    """Knows the planted pattern: the successor of the last item (scene) scores 1."""

    def __init__(self, items, scenes):
        self.item_fingerprints = tf.constant(items.fingerprints)
        self.scene_fingerprints = tf.constant(scenes.fingerprints)
        self._items = _successors(items, 12)
        self._scenes = _successors(scenes, 3)

    def score(self, items, scenes):
        return (
            tf.cast(tf.equal(self.item_fingerprints, _after_last(items, self._items)), tf.float32),
            tf.cast(tf.equal(self.scene_fingerprints, _after_last(scenes, self._scenes)), tf.float32),
        )


def _successors(catalogue, number):
    by_id = dict(zip(catalogue.ids, catalogue.fingerprints, strict=True))
    name = catalogue.ids[0].rstrip("0123456789")
    keys = tf.constant([by_id[f"{name}{i}"] for i in range(number)])
    values = tf.constant([by_id[f"{name}{(i + 1) % number}"] for i in range(number)])
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -2)


def _after_last(history, table):
    last = tf.reduce_sum(tf.cast(history != -1, tf.int32), axis=1) - 1
    return table.lookup(tf.gather(history, last, axis=1, batch_dims=1))[:, tf.newaxis]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    test = [*planted(20, seed=1), Sequence([("item0", "scene0")], [("never seen", "scene1"), ("item5", "scene1")])]
    file = write_examples(tmp_path_factory.mktemp("evaluation") / "data.gz", test)
    return catalogues(planted(300, seed=0)), file


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_means_over_all_sequences_whatever_the_batch(data, batch_size):
    (items, scenes), file = data
    result = evaluate(Oracle(items, scenes), fingerprint_batches([file], batch_size), (1, 2))
    assert result.sequences == 21
    assert result.metrics["next_item/recall@1"] == pytest.approx(20 / 21)
    assert result.metrics["next_scene/ndcg@1"] == pytest.approx(1.0)
    # One of the two future items is the successor; the other's score ties with all the rest.
    assert result.metrics["period_items/recall@2"] == pytest.approx((20 * 0.5) / 21)
    assert result.unknown_share == {
        "next_item": pytest.approx(1 / 21),
        "period_items": pytest.approx(1 / 42),
        "next_scene": 0.0,
    }


def test_no_sequences_is_refused(data, tmp_path):
    (items, scenes), _ = data
    file = write_examples(tmp_path / "empty.gz", [])
    with pytest.raises(ValueError, match="test split is empty"):
        evaluate(Oracle(items, scenes), fingerprint_batches([file], 4), (1,))


def test_the_order_of_users_changes_nothing(data, tmp_path):
    (items, scenes), _ = data
    test = planted(15, seed=2)
    forth = write_examples(tmp_path / "forth.gz", test)
    back = write_examples(tmp_path / "back.gz", test[::-1])
    results = [evaluate(Oracle(items, scenes), fingerprint_batches([f], 4), (1,)) for f in (forth, back)]
    np.testing.assert_allclose(list(results[0].metrics.values()), list(results[1].metrics.values()))
