"""The head of a question: all that is learned of one question about the future, and not of users.

A network has a head for each question that it is trained on (`model.questions`), beside the map from what is known of a
user to the question's query, which is the method's own.
"""

from typing import Any

import numpy.typing as npt
import tensorflow as tf
import tf_keras

from model.config import ModelConfig
from model.data.target_counts import TargetCounts, log_share
from model.networks.copy_head import RepeatHead
from model.networks.scene_head import SceneHead

FEWEST_REPEATS = 1e-3
"""Share of the targets that the history must hold for a log to have repeats."""


class QuestionHead(tf_keras.layers.Layer):
    """The terms beyond the paper that are added to the scores of one question.

    Args:
        config: which terms there are.
        counts: the question's targets in the train split, where biases start.

    Attributes:
        item_bias: float [N_v], or None.
        scene_bias: float [N_s], or None.
        scene_head: adds what the last scene tells of items, or None.
        scene_scene_head: adds what it tells of scenes, or None.
        repeat_head: copies from histories, or None.
        never_repeats: whether nothing of a history comes again, so that there is no repeat head to learn when, and the
            history is not recommended.
    """

    def __init__(self, config: ModelConfig, counts: TargetCounts, **kwargs: Any):
        super().__init__(**kwargs)
        self.item_bias = self.scene_bias = self.scene_head = self.scene_scene_head = self.repeat_head = None
        if config.popularity_prior:
            self.item_bias = self._bias("item_bias", log_share(counts.items))
            self.scene_bias = self._bias("scene_bias", log_share(counts.scenes))
        if config.scene_head:
            self.scene_head = SceneHead(counts.by_scene, counts.items, counts.strength, name="scene_head")
            after = counts.scenes_by_scene, counts.scenes, counts.scene_strength
            self.scene_scene_head = SceneHead(*after, name="scene_scene_head")
        self.never_repeats = config.repeat_head and counts.repeats < FEWEST_REPEATS
        if config.repeat_head and not self.never_repeats:
            self.repeat_head = RepeatHead(log_share(counts.items), name="repeat")

    def _bias(self, name: str, start: npt.NDArray) -> tf.Variable:
        return self.add_weight(name, shape=[len(start)], initializer=tf_keras.initializers.Constant(start))
