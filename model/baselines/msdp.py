"""MSDP: multi-scale stochastic distribution prediction (Fu et al., CIKM 2023).

What a user does in a period is steadier than what comes next. So a step draws a window of the future for each sequence,
tells the network its size by a prompt, and asks how the user's events are distributed over the items in it: the loss is
the cross-entropy to their empirical distribution, the Kullback-Leibler divergence but for a constant. Against
overfitting, a copy of the sequence with some events masked should be encoded alike, after SimSiam (Chen & He, CVPR
2021): minus the cosine of either state, through a predictor, to the other without its gradient, the mean of both, with
weight lambda.

Choices: a window is counted in events, not in time (`draw_scales`), but parts no events at one time; the prompt is a
learned vector for each size that follows the history, as BERT4Rec's [MASK] does; the predictor has one hidden layer.
The questions `period` and `first_N_days` are asked with the prompt of the whole period, `first_N_events` with that of
N events, and `next` with that of the smallest window. With one question it is trained on all windows either way, and so
sees more of the future than other methods do under `next`; with several (`training.questions`), on those that they ask
about.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import tensorflow as tf
import tf_keras

from model.config import ModelConfig, TrainingConfig
from model.data.augmentation import mask
from model.data.batches import (
    FUTURE_ITEM_SEQUENCE,
    FUTURE_SCENE_SEQUENCE,
    FUTURE_TIMES,
)
from model.data.history import History
from model.data.target_counts import TargetCounts
from model.data.windows import keep_first_events
from model.networks.base import Representations
from model.networks.encoder import make_initializer
from model.networks.state_network import StateNetwork, repeat_state
from model.questions import PERIOD, read_window
from model.training import replicas
from model.training.recommender import Batch, Recommender

WHOLE = tf.int32.max
"""The size of a window that has all of the future."""


class MSDPNetwork(StateNetwork):
    """Reads a history and a prompt that tells a window; arguments as for `model.networks.base.Network`.

    Args:
        scales: sizes of windows, rising.
        asked: the places in `scales` of the windows that questions ask about, by question.
    """

    prompted = True

    def __init__(self, *args: Any, scales: Sequence[int], asked: Mapping[str, int], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.scales = tuple(scales)
        self.asked = dict(asked)
        shape = [len(self.scales), self.config.item_dim]
        self.prompts = self.add_weight("prompts", shape=shape, initializer=make_initializer())

    @classmethod
    def create(
        cls, config: ModelConfig, training: TrainingConfig, counts: Mapping[str, TargetCounts], **options: Any
    ) -> Self:
        """See `model.networks.base.Network.create`; the windows are those of `training`."""
        scales, asked = list_scales(training)
        return super().create(config, training, counts, scales=scales, asked=asked, **options)

    def represent(self, history: History, training: bool | None = None) -> dict[str, Representations]:
        """Returns the representations for each question, by question: each has a prompt of its own."""
        batch = tf.shape(history.items)[0]
        return {
            question: repeat_state(self.encode(history, self.prompt_of(tf.fill([batch], place)), training))
            for question, place in self.asked.items()
        }

    def queries(self, known: Any, question: str, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """See `model.networks.base.Network.queries`."""
        return super().queries(known[question], question, training)

    def of_question(self, known: Any, question: str) -> Representations:
        """See `model.networks.base.Network.of_question`."""
        return known[question]

    def copied_by(self, known: Any) -> tf.Tensor:
        """See `model.networks.base.Network.copied_by`; what is known for the first question."""
        return known[self.questions[0]].z_item

    def prompt_of(self, scales: tf.Tensor) -> tf.Tensor:
        """Returns the prompts of windows, float [batch, item_dim], given their places in `scales`, int [batch]."""
        return tf.gather(tf.convert_to_tensor(self.prompts), scales)


class MSDP(Recommender):
    """Trains on the distribution of windows; arguments as for `Recommender`."""

    network: MSDPNetwork

    @property
    def reads_order(self) -> bool:
        """See `Recommender.reads_order`."""
        return True

    @staticmethod
    def own_terms(config: TrainingConfig) -> dict[str, float]:
        """See `Recommender.own_terms`."""
        return {"contrast_loss": config.distribution.contrast_weight}

    def _build(self) -> None:
        super()._build()
        width = self.network.config.item_dim
        self.predictor = tf_keras.Sequential(
            [tf_keras.layers.Dense(width, tf_keras.activations.gelu), tf_keras.layers.Dense(width)], name="predictor"
        )
        self.predictor.build([None, width])

    @property
    def trained_variables(self) -> list[tf.Variable]:
        """See `Recommender.trained_variables`; the predictor too."""
        own = self.predictor.trainable_variables if "contrast_loss" in self.weights_of_terms else []
        return [*super().trained_variables, *own]

    def checkpointed(self) -> dict[str, Any]:
        """See `Recommender.checkpointed`."""
        return {**super().checkpointed(), "predictor": self.predictor}

    def terms(self, batch: Batch, seed: tf.Tensor, tape: tf.GradientTape) -> tuple[Batch, Batch]:
        """Returns the prediction of items and scenes of a window, and how unlike a masked copy is."""
        for_scale, for_mask, for_negatives, for_hiding = tf.unstack(tf.random.experimental.stateless_split(seed, 4))
        network, question, (history, read) = self.network, self.network.questions[0], self.hide(batch, for_hiding)
        drawn = draw_scales(network.scales, tf.shape(history.items)[0], for_scale)
        prompt, sizes = network.prompt_of(drawn), tf.gather(tf.constant(network.scales), drawn)
        h = network.encode(read, prompt, training=True)
        if len(network.questions) > 1:  # each of its windows is a question
            terms = self.prediction_terms(network.represent(read, training=True), batch, for_negatives, history)
        else:
            outputs = network.outputs({question: repeat_state(h)}, history, question, training=True)
            targets = keep_first_events(batch[FUTURE_ITEM_SEQUENCE], batch[FUTURE_TIMES], sizes)
            negatives = self.draw_negatives(targets, question, for_negatives)
            terms = {"item_loss": self.item_loss(outputs, question, targets, negatives)}
            if self.config.scene_weight:
                scenes_asked = keep_first_events(batch[FUTURE_SCENE_SEQUENCE], batch[FUTURE_TIMES], sizes)
                terms["scene_loss"] = self.scene_loss(outputs, question, scenes_asked)
        if "contrast_loss" in self.weights_of_terms:
            share, latest = self.config.distribution.mask_share, network.aligned(history)
            masked = mask(latest.items, for_mask, network.item_embedding.mask_index, share)
            copy = network.encode(latest._replace(items=masked), prompt, training=True)
            terms["contrast_loss"] = siamese_loss(h, copy, self.predictor(h), self.predictor(copy))
        return terms, {}


def list_scales(config: TrainingConfig) -> tuple[list[int], dict[str, int]]:
    """Returns the sizes of windows, the whole future last, and the place of the one that each question asks about."""
    sizes = {question: _size_of(question, config.distribution.scales[0]) for question in config.questions}
    scales = sorted({*config.distribution.scales, *sizes.values(), WHOLE})
    return scales, {question: scales.index(size) for question, size in sizes.items()}


def _size_of(question: str, smallest: int) -> int:
    """Returns the size of the window that a question asks about, in events; days may hold any number of them."""
    window = read_window(question)
    if window is None:
        return WHOLE if question == PERIOD else smallest
    return window.length if window.unit == "events" else WHOLE


def draw_scales(scales: Sequence[int], batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws one of the scales for each sequence, each scale with the same probability.

    Args:
        scales: the sizes of windows to choose from.
        batch: number of sequences of this replica; all replicas must have as many.
        seed: int [2]; the same seed draws the same for a sequence, whatever the replicas.

    Returns:
        int32 [batch], the index in `scales` of each.
    """
    return tf.cast(replicas.uniform([batch], seed) * len(scales), tf.int32)


def siamese_loss(left: tf.Tensor, right: tf.Tensor, left_predicted: tf.Tensor, right_predicted: tf.Tensor) -> tf.Tensor:
    """Returns -1/2 cos(p(a), [b]) - 1/2 cos(p(b), [a]), where nothing is learned from what stands in brackets.

    Args:
        left: a, float [batch, d].
        right: b, float [batch, d].
        left_predicted: p(a), float [batch, d].
        right_predicted: p(b), float [batch, d].

    Returns:
        float [batch], from -1 for copies that are alike to 1.
    """
    pairs = (left_predicted, tf.stop_gradient(right)), (right_predicted, tf.stop_gradient(left))
    return -0.5 * tf.add_n([_cosine(predicted, other) for predicted, other in pairs])


def _cosine(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.math.l2_normalize(a, axis=1) * tf.math.l2_normalize(b, axis=1), axis=1)
