"""The served model: names of its signatures and inputs, and of what lies beside the SavedModel.

====================  ===========================================  ==============================================
signature             inputs                                       outputs
====================  ===========================================  ==============================================
``serving_default``   histories                                    rankings
``serving_examples``  ``examples`` string [batch], serialized      rankings
                      ``tf.Example`` of both histories
``recommend_unseen``  histories, ``exclude_item_ids``              rankings without what is seen or excluded
``embed_users``       histories                                    ``z_item``, ``z_scene``, ``o_item``, ``o_scene``
====================  ===========================================  ==============================================

Histories are ``history_item_ids`` and ``history_scene_ids`` (`schemas.sequences`), raw ids, string [batch, time],
oldest first, padded with ``""``. Rankings are ``item_ids`` and ``scene_ids``, string [batch, k], and ``item_scores``
and ``scene_scores``, float32 [batch, k], best first. A model that only counts has no ``embed_users``.
"""

import posixpath

SERVING_DEFAULT = "serving_default"
SERVING_EXAMPLES = "serving_examples"
RECOMMEND_UNSEEN = "recommend_unseen"
EMBED_USERS = "embed_users"

EXAMPLES = "examples"
EXCLUDE_ITEM_IDS = "exclude_item_ids"

WARMUP_FILE = posixpath.join("assets.extra", "tf_serving_warmup_requests")
"""Where TensorFlow Serving looks for requests to warm up with, within a version."""

RETRIEVAL_FILE = posixpath.join("assets.extra", "retrieval.json")
"""How the model finds the best items: ``method`` is ``exact`` or ``scann``, which needs operations of its own."""

ITEM_NAMES_FILE = posixpath.join("assets.extra", "item_names.parquet")
"""Names of items for people, where a table of them is configured: columns ``id``, the raw id, and ``name``, strings."""
