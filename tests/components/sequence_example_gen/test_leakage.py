"""A perfect-future item is planted in a log; an evaluation of what is made of that log must not see it."""

import pytest
import tensorflow as tf

from model.data.batches import evaluation_batches
from model.evaluation.evaluate import evaluate
from schemas.identity import fingerprints
from tests.sequence_data import Sequence, catalogues

DAY, CUTOFF = 86_400, 10 * 86_400
ITEMS = [f"item{n}" for n in range(40)]
ORACLES = [f"oracle of {item}" for item in ITEMS]


class Reader:
    """Knows what each oracle tells: an item foretold by the last item of the history scores 1, all else 0."""

    def __init__(self, items, scenes):
        self.item_fingerprints, self.scene_fingerprints = items.fingerprints, scenes.fingerprints
        self.answers = {"next": self}
        told, foretold = tf.constant(fingerprints(ORACLES)), tf.constant(fingerprints(ITEMS))
        self._table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(told, foretold), -2)

    def encode(self, items, scenes, times, now):
        last = tf.reduce_sum(tf.cast(items != -1, tf.int32), axis=1) - 1
        foretold = self._table.lookup(tf.gather(items, last, batch_dims=1))
        queries = tf.cast(foretold[:, tf.newaxis] == self.item_fingerprints, tf.float32)
        nothing = tf.zeros([0], tf.int64)
        cells = {"rows": nothing, "columns": nothing, "scores": tf.zeros([0])}
        return {"queries": queries, **cells, "scene_scores": tf.zeros([tf.shape(items)[0], 1])}

    def item_scores(self, queries, start, stop):
        return queries[:, start:stop]

    def item_scores_at(self, queries, rows, columns):
        return tf.gather_nd(queries, tf.stack([rows, columns], axis=1)), tf.zeros_like(rows, tf.float32)


def _measure(ingest, folder, planted_at):
    """Each user has a past item, the oracle at a given time, and the item that it tells two days after the cutoff."""
    lines = ["user_id,item_id,scene_id,timestamp"]
    for user, item in enumerate(ITEMS):
        lines += [f"{user},{ITEMS[(user * 7 + 1) % 40]},home,{DAY}", f"{user},oracle of {item},home,{planted_at}"]
        lines.append(f"{user},{item},home,{CUTOFF + 2 * DAY}")
    log = folder / "log.csv"
    log.write_text("\n".join(lines) + "\n")
    run = ingest({"path": str(log)}, {"cutoffs": ["1970-01-11"]}, {"weights": {"train": 1, "val": 0, "test": 9}})
    items, scenes = catalogues([Sequence([(item, "home") for item in ITEMS + ORACLES], [])])
    batches = evaluation_batches([f"{run.examples.uri}/Split-test/*"], 16)
    evaluation = evaluate({"reader": Reader(items, scenes)}, batches, items, scenes, (1,))
    assert evaluation.sequences > len(ITEMS) / 2
    return evaluation.models["reader"].metrics


@pytest.mark.parametrize("planted_at", [CUTOFF, CUTOFF + DAY])
def test_an_item_of_the_future_is_not_seen(ingest, tmp_path, planted_at):
    metrics = _measure(ingest, tmp_path, planted_at)
    assert metrics["period_items/hit_rate@1"].value == 0.0
    assert metrics["next_item/recall@1"].value == 0.0


def test_the_same_item_just_before_the_cutoff_tells_all(ingest, tmp_path):
    """Else the test above could not fail."""
    metrics = _measure(ingest, tmp_path, CUTOFF - 1)
    assert metrics["next_item/recall@1"].value == 1.0
