"""ContraRec: two contrasts at once (Wang et al., Sequential Recommendation with Multiple Contrast Signals, TOIS 2023).

- Context-target: the future items against all candidates, a softmax over h . e_k / tau_1 (where the paper draws K
  negatives, `training.candidates` says what is compared).
- Context-context, weight gamma: two augmented copies of each sequence, masked or reordered, should have like states,
  and so should sequences that share a next item (`model.losses.contrastive`, temperature tau_2).

Choices: the encoder is the BERT4Rec-style one of this project (the paper offers several), and a copy is masked or
reordered with probability one half each. Departures: `training.context_contrast.mask_share` of the events are hidden,
and the size of what is reordered is uniform, where the authors draw either from Beta(3, 3), whose mean is one half; and
neither contrast is multiplied by its temperature, as theirs are, so that their gamma of 1 at tau_2 = 0.2 is 0.2 here.

Two variants read the scene of each event as an attribute of it (the DSPnet paper, 4.1): SceneContraRec is ContraRec but
for that, and SceneCTC has the context-target contrast alone.
"""

from collections.abc import Mapping
from typing import Any, Self

import tensorflow as tf

from model.config import ModelConfig, TrainingConfig
from model.data.augmentation import augment_both
from model.data.batches import NEXT_ITEM
from model.data.history import History, concatenate
from model.data.target_counts import TargetCounts
from model.losses.contrastive import supervised_contrast
from model.networks.state_network import StateNetwork, repeat_state
from model.training.recommender import Batch, Recommender

VIEWS = 2


class ContraRecNetwork(StateNetwork):
    """Reads a history of items; arguments as for `model.networks.base.Network`, and the temperature tau_1."""

    def __init__(self, *args: Any, target_temperature: float = 1.0, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.target_temperature = target_temperature

    @classmethod
    def create(
        cls, config: ModelConfig, training: TrainingConfig, counts: Mapping[str, TargetCounts], **options: Any
    ) -> Self:
        """See `model.networks.base.Network.create`; tau_1 is that of `training`."""
        temperature = training.context_contrast.target_temperature
        return super().create(config, training, counts, target_temperature=temperature, **options)

    def queries(self, known: Any, question: str, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Network.queries`; inner products are divided by tau_1."""
        o_scene, o_item = super().queries(known, question, training)
        return o_scene, o_item / self.target_temperature


class ContraRec(Recommender):
    """Trains on both contrasts; arguments as for `Recommender`."""

    network: ContraRecNetwork

    @staticmethod
    def own_terms(config: TrainingConfig) -> dict[str, float]:
        """See `Recommender.own_terms`."""
        return {"ccc_loss": config.context_contrast.weight}

    def terms(self, batch: Batch, seed: tf.Tensor, tape: tf.GradientTape) -> tuple[Batch, Batch]:
        """Returns the context-target contrast, that of scenes, and the context-context contrast."""
        if "ccc_loss" not in self.weights_of_terms:
            return super().terms(batch, seed, tape)
        for_views, for_negatives, for_hiding = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
        whole, read = self.hide(batch, for_hiding)
        own, views = self._encode(whole, read, for_views)
        terms = self.prediction_terms(repeat_state(own), batch, for_negatives, whole)
        # A next item that is not in the catalogue says nothing of who is alike.
        labels = batch[NEXT_ITEM]
        labels = tf.where(labels <= self.network.item_embedding.catalogue_size, labels, 0)
        terms["ccc_loss"] = supervised_contrast(views, labels, self.config.context_contrast.temperature)
        return terms, {}

    def _encode(self, whole: History, read: History, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns h, float [batch, d], and that of augmented copies, float [`VIEWS`, batch, d], in one pass.

        Args:
            whole: what users did, of which copies are made.
            read: the latest events, of which h is made.
            seed: int [2], seed of the copies.
        """
        network, share = self.network, self.config.context_contrast.mask_share
        # The same events are hidden and moved in both sequences.
        views = augment_both(network.aligned(whole), VIEWS, (seed, seed), network.mask_indices, share)
        h = network.encode(concatenate([read, *views]), training=True)
        h = tf.reshape(h, [1 + VIEWS, -1, h.shape[1]])
        return h[0], h[1:]


class SceneContraRecNetwork(ContraRecNetwork):
    """Reads events of item and scene; trained as `model.baselines.contrarec.ContraRec`."""

    sees_scenes = True


class SceneCTCNetwork(SceneContraRecNetwork):
    """Reads events of item and scene; arguments as for `model.baselines.contrarec.ContraRecNetwork`."""


class SceneCTC(Recommender):
    """Trains on the context-target contrast, a softmax over candidates; arguments as for `Recommender`."""
