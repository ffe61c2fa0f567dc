"""BERT4Rec: a bidirectional transformer trained on the Cloze task (Sun et al., CIKM 2019).

At each step every sequence gives two samples. In one, a share of its events is hidden and predicted from the rest; in
the other, a [MASK] behind the last event stands for the future. The second is how users are asked about later;
to train without such samples is a known cause of failed reproductions (Petrov & Macdonald, RecSys 2022). The Cloze task
is scored without what the repeat head copies: what is hidden is a part of the history.

A state goes through one more layer before its inner products with items, GELU(h W + b) as in the paper, and is then
layer-normalised, as in the authors' code. Choices: a [MASK] reads as the embedding of unknown items; the paper's bias
of each item is that of `model.popularity_prior`.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from model.config import ModelConfig, TrainingConfig
from model.data.augmentation import mask
from model.data.batches import targets_of
from model.data.history import History
from model.data.target_counts import TargetCounts
from model.losses.sampled import Negatives
from model.networks.base import Outputs
from model.networks.state_network import StateNetwork, append_prompt
from model.training.recommender import Batch, Recommender
from schemas.catalogue import PAD_INDEX


class BERT4RecNetwork(StateNetwork):
    """Reads a history and a [MASK] behind it; arguments as for `model.networks.base.Network`."""

    prompted = True

    def __init__(self, config: ModelConfig, counts: Mapping[str, TargetCounts], **kwargs: Any):
        super().__init__(config, counts, **kwargs)
        self.projection = tf_keras.Sequential(
            [
                tf_keras.layers.Dense(config.item_dim, tf.nn.gelu, name="dense"),
                tf_keras.layers.LayerNormalization(epsilon=1e-6, name="norm"),
            ],
            name="projection",
        )

    def prompt(self, batch: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the embedding of [MASK], float [batch, item_dim]."""
        return self.item_embedding(tf.fill([batch], self.item_embedding.mask_index), training=training)

    def queries(self, known: Any, question: str, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """See `model.networks.base.Network.queries`; o_V = LayerNorm(GELU(h W + b))."""
        o_scene, o_item = super().queries(known, question, training)
        return o_scene, self.projection(o_item)

    def states(self, history: History, training: bool | None = None) -> tf.Tensor:
        """Returns the states of the latest events, float [batch, time, item_dim], with no [MASK] behind them.

        They stand where they do when a [MASK] follows; arguments as for `events`.
        """
        embedded, valid = self.events(history, training)
        nothing = tf.zeros_like(embedded[:, 0])
        embedded, valid = append_prompt(embedded, valid, nothing)
        valid = tf.concat([valid[:, :-1], tf.zeros_like(valid[:, :1])], axis=1)
        return self.encoder.states(embedded, valid, training=training)[:, :-1]


class BERT4Rec(Recommender):
    """Trains on the Cloze task; arguments as for `Recommender`."""

    network: BERT4RecNetwork

    @staticmethod
    def own_terms(config: TrainingConfig) -> dict[str, float]:
        """See `Recommender.own_terms`."""
        return {"cloze_loss": config.cloze.weight}

    def terms(self, batch: Batch, seed: tf.Tensor, tape: tf.GradientTape) -> tuple[Batch, Batch]:
        """Returns the prediction of the future by the [MASK] at the end, and of hidden events."""
        for_cloze, for_negatives, for_hiding = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
        history, read = self.hide(batch, for_hiding)
        terms = self.prediction_terms(self.network.represent(read, training=True), batch, for_negatives, history)
        question = self.network.questions[0]
        negatives = self.draw_negatives(targets_of(question, batch)[0], question, for_negatives)
        terms["cloze_loss"] = self.cloze_loss(history, for_cloze, negatives)
        return terms, {}

    def cloze_loss(self, history: History, seed: tf.Tensor, negatives: Negatives | None) -> tf.Tensor:
        """Returns the mean loss of each sequence's hidden events, at least one, float [batch].

        Args:
            history: what users did.
            seed: int [2], seed of the choice of hidden events.
            negatives: what hidden items are compared with, besides themselves; None for the whole catalogue.
        """
        latest = self.network.aligned(history)
        items = latest.items
        hidden = mask(items, seed, self.network.item_embedding.mask_index, self.config.cloze.mask_share, fewest=1)
        states = self.network.states(latest._replace(items=hidden), training=True)
        # An unknown item reads as [MASK] itself, and is nobody's target.
        targets = tf.where(hidden != items, items, PAD_INDEX)
        places = tf.where(targets != PAD_INDEX)
        rows = places[:, 0]
        o_item = self.network.projection(tf.gather_nd(states, places))
        hidden_items = tf.gather_nd(targets, places)[:, tf.newaxis]
        losses = self.item_loss(Outputs(o_item, o_item), self.network.questions[0], hidden_items, negatives)
        number = tf.math.unsorted_segment_sum(tf.ones_like(losses), rows, tf.shape(items)[0])
        return tf.math.divide_no_nan(tf.math.unsorted_segment_sum(losses, rows, tf.shape(items)[0]), number)
