"""The SavedModel: raw ids in, raw ids out, nothing of this project needed to load it."""

from collections.abc import Callable

import tensorflow as tf

from model.network import DSPnetNetwork
from model.vocabulary import FingerprintTable, fingerprint_strings
from schemas import sequences
from schemas.catalogue import Catalogue

TOP_K = 100
"""How many items (scenes) a request is answered with, or the whole catalogue when it is smaller."""

_IDS = {
    sequences.HISTORY_ITEM_IDS: tf.TensorSpec([None, None], tf.string, sequences.HISTORY_ITEM_IDS),
    sequences.HISTORY_SCENE_IDS: tf.TensorSpec([None, None], tf.string, sequences.HISTORY_SCENE_IDS),
}
_FINGERPRINTS = [
    tf.TensorSpec([None, None], tf.int64, "history_item_fingerprints"),
    tf.TensorSpec([None, None], tf.int64, "history_scene_fingerprints"),
]


class ServingModule(tf.Module):
    """A trained network with its catalogues.

    Beside the signatures it has what an evaluator needs: `score`, and the fingerprints of both catalogues.

    Args:
        network: a trained network.
        items: the item catalogue it was trained on.
        scenes: the scene catalogue it was trained on.
    """

    def __init__(self, network: DSPnetNetwork, items: Catalogue, scenes: Catalogue):
        super().__init__(name="dspnet")
        # Only the variables are tracked: saving the layer itself would write Keras' own format as well.
        self._network_variables = network.variables
        self._network: Callable = tf.function(lambda *inputs: network(*inputs, training=False))
        self._item_table = FingerprintTable(items.fingerprints, name="items")
        self._scene_table = FingerprintTable(scenes.fingerprints, name="scenes")
        self.item_fingerprints = tf.Variable(items.fingerprints, trainable=False, name="item_fingerprints")
        self.scene_fingerprints = tf.Variable(scenes.fingerprints, trainable=False, name="scene_fingerprints")
        self._item_ids = tf.Variable(items.ids.astype("S"), trainable=False, name="item_ids")
        self._scene_ids = tf.Variable(scenes.ids.astype("S"), trainable=False, name="scene_ids")

    @tf.function(input_signature=_FINGERPRINTS)
    def score(self, items: tf.Tensor, scenes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores all candidates.

        Args:
            items: int64 [batch, time], fingerprints of the item history, oldest first; -1 is padding.
            scenes: int64 [batch, time'], likewise.

        Returns:
            float32 [batch, N_v] and [batch, N_s], in the order of `item_fingerprints`, `scene_fingerprints`.
        """
        return tuple(self._network(self._item_table(items), self._scene_table(scenes)))

    @tf.function(input_signature=[_IDS[name] for name in _IDS])
    def recommend(self, history_item_ids: tf.Tensor, history_scene_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `serving_default`: the best items and scenes for raw histories.

        Args:
            history_item_ids: string [batch, time], oldest first, padded with "" on either side.
            history_scene_ids: string [batch, time'], likewise.

        Returns:
            ``item_ids`` string [batch, k], ``item_scores`` float32 [batch, k], ``scene_ids`` and
            ``scene_scores`` likewise; best first.
        """
        item_scores, scene_scores = self.score(
            fingerprint_strings(history_item_ids), fingerprint_strings(history_scene_ids)
        )
        best_items = tf.math.top_k(item_scores, min(TOP_K, self._item_table.size))
        best_scenes = tf.math.top_k(scene_scores, min(TOP_K, self._scene_table.size))
        return {
            "item_ids": tf.gather(self._item_ids, best_items.indices),
            "item_scores": best_items.values,
            "scene_ids": tf.gather(self._scene_ids, best_scenes.indices),
            "scene_scores": best_scenes.values,
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def recommend_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `serving_examples`: as `recommend`, for serialized ``tf.Example`` of raw ids, [batch]."""
        features = {name: tf.io.RaggedFeature(tf.string) for name in _IDS}
        parsed = tf.io.parse_example(examples, features)
        return self.recommend(*(parsed[name].to_tensor("") for name in _IDS))


def export(module: ServingModule, folder: str) -> None:
    """Writes the SavedModel with the signatures `serving_default` and `serving_examples`."""
    signatures = {"serving_default": module.recommend, "serving_examples": module.recommend_examples}
    tf.saved_model.save(module, folder, signatures=signatures)
