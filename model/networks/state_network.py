"""The network of every method of one sequence: one encoder, whose last state is all that is known of a user."""

from collections.abc import Mapping
from typing import Any, ClassVar

import tensorflow as tf
import tf_keras

from model.config import ModelConfig
from model.data.history import History
from model.data.target_counts import TargetCounts
from model.networks.base import Network, Representations
from model.networks.clock import EventClock
from model.networks.encoder import SequenceEncoder
from schemas.catalogue import PAD_INDEX


class StateNetwork(Network):
    """Reads one sequence of events and scores items by h . e_k, h being the state of the last event.

    With `sees_scenes` an event is a linear map of the concatenated embeddings of item and scene (the scene as an
    attribute, as in CARCA), else of the item alone. No paper says how such a method predicts scenes: here a linear map
    of h is compared with the embeddings of scenes. In a method that reads items alone the map is trained without
    changing h: the method's paper knows nothing of scenes, and learning to predict them could make its items worse.
    Asked more than one question, a method compares items with a linear map of h for each instead of h itself. With
    `ModelConfig.times` the age, hour and weekday of an event are part of it.

    Arguments are those of `Network`.
    """

    sees_scenes: ClassVar[bool] = False
    """Whether the scenes of a history are read."""
    causal: ClassVar[bool] = False
    """Whether an event attends to itself and earlier ones alone."""
    prompted: ClassVar[bool] = False
    """Whether a prompt follows the last event, whose state is then the last one (`prompt`)."""

    def __init__(self, config: ModelConfig, counts: Mapping[str, TargetCounts], **kwargs: Any):
        super().__init__(config, counts, **kwargs)
        length = config.max_length + self.prompted
        self.encoder = SequenceEncoder(
            config.item_dim, length, config.layers, config.heads, config.dropout, self.causal, name="f"
        )
        self.event = None
        if self.sees_scenes:
            self.event = tf_keras.layers.Dense(config.item_dim, name="event")
        self.clock = EventClock(config.item_dim, name="clock") if config.times else None
        self.head_dropout = tf_keras.layers.Dropout(config.head_dropout)
        self.scene_maps = {
            question: tf_keras.layers.Dense(config.scene_dim, name=f"scene_map_{question}")
            for question in self.questions
        }
        self.item_maps = {}
        if len(self.questions) > 1:
            self.item_maps = {
                question: tf_keras.layers.Dense(config.item_dim, name=f"item_map_{question}")
                for question in self.questions
            }

    def events(self, history: History, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what the encoder reads of histories.

        Args:
            history: what users did.
            training: whether dropout is on.

        Returns:
            the latest events, float [batch, time, item_dim], and which are no padding, bool [batch, time].
        """
        latest = self.aligned(history)
        embedded, valid = self.item_embedding(latest.items, training=training), latest.items != PAD_INDEX
        if self.event is not None:
            scenes = self.scene_embedding(latest.scenes, training=training)
            embedded = self.event(tf.concat([embedded, scenes], axis=2))
            valid = tf.logical_or(valid, latest.scenes != PAD_INDEX)
        if self.clock is not None:
            embedded += self.clock(latest)
        return embedded, valid

    def prompt(self, batch: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the prompt that follows each history when a user is asked about, float [batch, item_dim]."""
        raise NotImplementedError

    def encode(self, history: History, prompt: tf.Tensor | None = None, training: bool | None = None) -> tf.Tensor:
        """Returns the last state h, float [batch, item_dim]; arguments as for `events`, and a prompt of one's own."""
        embedded, valid = self.events(history, training)
        if self.prompted:
            prompt = self.prompt(tf.shape(valid)[0], training) if prompt is None else prompt
            embedded, valid = append_prompt(embedded, valid, prompt)
        return self.encoder(embedded, valid, training=training)

    def represent(self, history: History, training: bool | None = None) -> Any:
        """Returns `Representations` of histories, or an object with their attributes; arguments as for `events`."""
        return repeat_state(self.encode(history, training=training))

    def queries(self, known: Any, question: str, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Network.queries`."""
        h = self.head_dropout(known.h_item, training=training)
        item_map = self.item_maps.get(question)
        return self.scene_queries(h, question), h if item_map is None else item_map(h)

    def scene_queries(self, h: tf.Tensor, question: str) -> tf.Tensor:
        """Maps states, float [..., item_dim], to what scenes are compared with, float [..., scene_dim]."""
        return self.scene_maps[question](h if self.sees_scenes else tf.stop_gradient(h))


def repeat_state(h: tf.Tensor) -> Representations:
    """Returns the representations of a method that has one state, float [batch, width]."""
    return Representations(h, h, h, h)


def append_prompt(embedded: tf.Tensor, valid: tf.Tensor, prompt: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Adds a prompt, float [batch, d], behind the events, float [batch, time, d] and bool [batch, time]."""
    return tf.concat([embedded, prompt[:, tf.newaxis]], axis=1), tf.pad(valid, [[0, 0], [0, 1]], constant_values=True)
