"""SASRec: a causal transformer that predicts what follows each event (Kang & McAuley, ICDM 2018), as practised today.

Asked about prefixes (`training.questions`), its own way, every event of the history predicts the next one and the last
one the first future event, all in one pass; of events at one time the last alone predicts, and what it predicts are all
events of the next time. Asked anything else, the last event of the history alone predicts. The loss is cross-entropy,
over the whole catalogue unless `training.candidates` samples it, or, with `training.objective=gbce` and drawn
negatives, that of gSASRec (Petrov & Macdonald, RecSys 2023): the paper's binary cross-entropy with one negative is
known to make scores overconfident.

Choices: the transformer layer is this project's (GELU, normalised after), and inner events are scored without what
the repeat head copies.
"""

import tensorflow as tf

from model.data.batches import HISTORY_TIMES, NEXT_ITEM
from model.data.history import History
from model.data.padding import distinct
from model.networks.base import Outputs
from model.networks.state_network import StateNetwork, repeat_state
from model.questions import PREFIX
from model.training.recommender import Batch, Recommender
from schemas.catalogue import PAD_INDEX


class SASRecNetwork(StateNetwork):
    """Reads a history of items, each event with what came before; arguments as for `model.networks.base.Network`."""

    causal = True

    def states(self, history: History, training: bool | None = None) -> tf.Tensor:
        """Returns the states of the latest events, float [batch, time, d]."""
        embedded, valid = self.events(history, training)
        return self.encoder.states(embedded, valid, training=training)


class SASRec(Recommender):
    """Trains on what follows the history, or on what follows each event of it; arguments as for `Recommender`."""

    network: SASRecNetwork
    has_all_prefixes = True

    @property
    def reads_order(self) -> bool:
        """See `Recommender.reads_order`."""
        return PREFIX in self.config.questions or super().reads_order

    def terms(self, batch: Batch, seed: tf.Tensor, tape: tf.GradientTape) -> tuple[Batch, Batch]:
        """Returns the prediction of items and of scenes, asked about prefixes averaged over all times."""
        if PREFIX not in self.config.questions:
            return super().terms(batch, seed, tape)
        for_hiding, for_negatives = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        network, (history, read) = self.network, self.hide(batch, for_hiding)
        latest = network.aligned(history)
        items, scenes = latest.items, latest.scenes
        states = network.states(read, training=True)
        terms = self.prediction_terms(repeat_state(states[:, -1]), batch, for_negatives, history)

        times = network.latest(batch[HISTORY_TIMES])
        places, following_items = find_following(times, items)
        h = tf.gather_nd(states, places)
        outputs = Outputs(network.scene_queries(h, PREFIX), h)
        negatives = self.draw_negatives(batch[NEXT_ITEM], PREFIX, for_negatives)
        inner = {"item_loss": self.item_loss(outputs, PREFIX, following_items, negatives)}
        if self.config.scene_weight:
            _, following_scenes = find_following(times, scenes)
            inner["scene_loss"] = self.scene_loss(outputs, PREFIX, following_scenes)
        return {name: _mean_with(term, inner[name], places[:, 0]) for name, term in terms.items()}, {}


def find_following(times: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the last event of each time of a history that another time follows, and what happens at that one.

    Args:
        times: int64 [batch, time], when events happened, never falling, right-aligned, 0 where padded.
        indices: int [batch, time], items or scenes of these events.

    Returns:
        The places of those last events, int64 [P, 2], row by row, and the distinct indices of the time that follows
        each, int [P, most], 0 where padded.
    """
    width = tf.shape(times, tf.int64)[1]
    places = tf.where(tf.logical_and(times[:, :-1] != 0, times[:, 1:] != times[:, :-1]))
    rows, last = places[:, 0], places[:, 1]
    # What follows ends where the next time of the row ends, or with the row.
    goes_on = tf.pad(rows[1:] == rows[:-1], [[0, 1]])[: tf.shape(rows)[0]]
    stop = tf.where(goes_on, tf.roll(last, -1, axis=0), width - 1)
    spans = tf.ragged.range(rows * width + last + 1, rows * width + stop + 1)
    following = tf.ragged.map_flat_values(tf.gather, tf.reshape(indices, [-1]), spans)
    return places, distinct(following.to_tensor(PAD_INDEX))


def _mean_with(last: tf.Tensor, inner: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns the mean of a row's last loss, float [batch], and its inner ones, float [P] of the rows int64 [P]."""
    batch = tf.shape(last)[0]
    number = 1.0 + tf.math.unsorted_segment_sum(tf.ones_like(inner), rows, batch)
    return (last + tf.math.unsorted_segment_sum(inner, rows, batch)) / number
