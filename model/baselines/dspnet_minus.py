"""DSPnet-: one encoder of item and scene pairs, where DSPnet has two of one sequence each (the paper, 4.1).

Everything behind the encoder is DSPnet's: fusion, adversarial prior, contrastive regularisation. An event is the
concatenation of its two embeddings; the first `scene_dim` numbers of the last event's state are h_S, the rest is h_V.
"""

import tensorflow as tf

from model.data.history import History
from model.networks.dspnet import DSPnetNetwork, create_encoder
from schemas.catalogue import PAD_INDEX


class DSPnetMinusNetwork(DSPnetNetwork):
    """Reads one sequence of item and scene pairs; arguments as for `model.networks.base.Network`."""

    paired = True

    def _create_encoders(self) -> None:
        self.pair_encoder = create_encoder(self.config, self.config.scene_dim + self.config.item_dim, "f")

    def encode(self, history: History, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Encodes histories, item and scene of an event as one token; see `DSPnetNetwork.encode`."""
        latest = self.aligned(history)
        items, scenes = latest.items, latest.scenes
        pairs = tf.concat(self._embed(latest, training), axis=2)
        valid = tf.logical_or(items != PAD_INDEX, scenes != PAD_INDEX)
        state = self.pair_encoder(pairs, valid, training=training)
        return state[:, : self.config.scene_dim], state[:, self.config.scene_dim :]
