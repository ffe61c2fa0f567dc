"""CARCA: candidates attend to the user's history by themselves (Rashed et al., RecSys 2022).

An event is item and scene, as in `model.baselines.scene_ctc`; self-attention encodes the history, and each candidate
then looks at all of it (`model.baselines.cross_attention`), where other methods have one vector a user. So a score
costs a pass over the history, and a training step over a whole catalogue as many attention weights as it has users,
candidates, events and heads, with all that their gradients need: more than fits for large catalogues, as in the paper's
tables. With `training.candidates.sampling` a step has few candidates; recommending goes through the catalogue in blocks
either way.

Choices: the self-attention is this project's encoder, with learned positions and residuals that add, where the authors'
has neither; the last event alone is trained on, where they train on all; nothing is dropped out of what candidates look
at. In the paper a candidate has the context of the event that it stands for; here that is the scene, which nobody knows
before, so candidates have the unknown one. Items have no other attributes. Candidates are layer-normalised, as events
are before they are encoded: a score is a product of two vectors that are learned, and would start next to 0. Scenes are
scored as by other methods, from the last event's state. The objective is the configured one; the paper's is `bce` with
one drawn negative.
"""

from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from model.baselines.cross_attention import CrossAttention, CrossAttentionScorer
from model.baselines.state_network import StateNetwork
from model.config import ModelConfig
from model.losses import LOSSES
from model.negative_sampling import Negatives
from model.network import Outputs
from model.recommender import Recommender
from model.repeat import Copies, add_copies
from model.sampled_loss import loss_of_scores
from model.targets import known_targets


class Profile(NamedTuple):
    """What CARCA knows of users: `model.network.Representations`, and the encoded history.

    Attributes:
        h_scene: state of the last event, float [batch, item_dim], like the next three.
        h_item: the same.
        z_scene: the same.
        z_item: the same.
        events: what candidates look at, float [batch, time, 2 item_dim + 1].
    """

    h_scene: tf.Tensor
    h_item: tf.Tensor
    z_scene: tf.Tensor
    z_item: tf.Tensor
    events: tf.Tensor


class CARCANetwork(StateNetwork):
    """Encodes histories event by event; arguments as for `model.network.Network`."""

    sees_scenes = True
    query_spec = tf.TensorSpec([None, None, None], tf.float32, "queries")

    def __init__(self, config: ModelConfig, items: int, scenes: int, *priors: Any, **kwargs: Any):
        super().__init__(config, items, scenes, *priors, **kwargs)
        self.attention = CrossAttention(config.item_dim, config.heads, name="cross_attention")
        self.candidate_norm = tf_keras.layers.LayerNormalization(epsilon=1e-6, name="candidate_norm")

    @property
    def item_scorer(self) -> CrossAttentionScorer:
        """Scores items for profiles."""
        return CrossAttentionScorer(self.attention, self.candidates, self.item_bias, self.item_embedding.catalogue_size)

    def candidates(self, items: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of candidates, float [..., item_dim], given their indices, int [...]."""
        assert self.event is not None  # it sees scenes
        unknown = self.scene_embedding(tf.fill(tf.shape(items), self.scene_embedding.mask_index), training=True)
        event = self.event(tf.concat([self.item_embedding(items, training=True), unknown], axis=-1))
        return self.candidate_norm(event)

    def represent(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Profile:
        """See `model.network.Network.represent`."""
        embedded, valid, _ = self.events(items, scenes, training)
        states = self.encoder.states(embedded, valid, training=training)
        h = states[:, -1]
        return Profile(h, h, h, h, self.attention.profile(states, valid))

    def outputs(self, known: Profile, items: tf.Tensor) -> Outputs:
        """See `model.network.Network.outputs`."""
        return Outputs(self.scene_queries(known.h_item), known.events, self.copies(items, known.h_item))


class CARCA(Recommender):
    """Trains on the prediction of items and scenes; arguments as for `Recommender`."""

    network: CARCANetwork

    def _build(self) -> None:
        super()._build()
        self.network.attention(tf.zeros([1, 1, 2 * self.network.config.item_dim + 1]), self.network.candidates([1]))

    def item_loss(
        self, queries: tf.Tensor, targets: tf.Tensor, copies: Copies | None, negatives: Negatives | None
    ) -> tf.Tensor:
        """See `Recommender.item_loss`; over the whole catalogue it holds all scores and what leads to them."""
        if negatives is None:
            scorer = self.network.item_scorer
            scores = scorer.columns(queries, tf.range(scorer.size))
            return LOSSES[self.whole_objective](scores if copies is None else add_copies(scores, copies), targets)
        scorer, known = self.network.item_scorer, known_targets(targets, self.network.item_embedding.catalogue_size)
        return loss_of_scores(
            self.config.objective,
            scorer.scores_at(queries, known.rows, known.columns),
            scorer.columns(queries, negatives.columns),
            targets,
            negatives,
            scorer.size,
            copies,
            self.config.gbce_calibration,
        )

    def validation_item_loss(self, outputs: Outputs, targets: tf.Tensor) -> tf.Tensor:
        """Returns the loss of items over what a training step compares, float [batch]."""
        return self.item_loss(
            outputs.o_item, targets, outputs.copies, self.draw_negatives(targets, tf.constant([0, 0]))
        )
