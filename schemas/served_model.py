"""The served model: names of its signatures and inputs, and of what lies beside the SavedModel.

====================  ===========================================  ==============================================
signature             inputs                                       outputs
====================  ===========================================  ==============================================
``serving_default``   histories                                    rankings
``serving_examples``  ``examples`` string [batch], serialized      rankings
                      ``tf.Example`` of both histories
``recommend_unseen``  histories, ``exclude_item_ids``              rankings without what is seen or excluded
``rank_allowed``      histories, ``allow_item_ids``                rankings of these items alone
``embed_users``       histories                                    ``z_item``, ``z_scene``, ``o_item``, ``o_scene``
====================  ===========================================  ==============================================

Histories are ``history_item_ids`` and ``history_scene_ids`` (`schemas.sequences`), raw ids, string [batch, time],
oldest first, padded with ``""``. Rankings are ``item_ids``, what comes next, ``period_item_ids``, what comes in the
future window, and ``scene_ids``, string [batch, k], and with them ``item_scores``, ``period_item_scores`` and
``scene_scores``, float32 [batch, k], best first. Of items, ``rank_allowed`` has as many places as its list. A model
that only counts has no ``embed_users``.
"""

import dataclasses
import posixpath
from collections.abc import Mapping
from typing import Any

SERVING_DEFAULT = "serving_default"
SERVING_EXAMPLES = "serving_examples"
RECOMMEND_UNSEEN = "recommend_unseen"
RANK_ALLOWED = "rank_allowed"
EMBED_USERS = "embed_users"

REQUEST_TIME = "request_time"
EXAMPLES = "examples"
EXCLUDE_ITEM_IDS = "exclude_item_ids"
ALLOW_ITEM_IDS = "allow_item_ids"

ITEM, PERIOD_ITEM, SCENE = "item", "period_item", "scene"
RANKINGS = (ITEM, PERIOD_ITEM, SCENE)
"""What is ranked: the next items, those of the future window, and the next scenes. Each has the outputs ``<name>_ids``
and ``<name>_scores``."""

WARMUP_FILE = posixpath.join("assets.extra", "tf_serving_warmup_requests")
"""Where TensorFlow Serving looks for requests to warm up with, within a version."""

RETRIEVAL_FILE = posixpath.join("assets.extra", "retrieval.json")
"""How the model finds the best items: ``method`` is ``exact`` or ``scann``, which needs operations of its own."""

ITEM_NAMES_FILE = posixpath.join("assets.extra", "item_names.parquet")
"""Names of items for people, where a table of them is configured: columns ``id``, the raw id, and ``name``, strings."""

_RECALL = "recall@"


@dataclasses.dataclass(frozen=True)
class RetrievalDescription:
    """How a served model finds the best items, and how many of them: a person must be able to tell.

    Attributes:
        method: ``exact`` or ``scann``.
        scann_search_share: share of the index that a request searches; None for exact retrieval.
        queries: number of histories that the recalls were measured on; None for exact retrieval.
        recalls: by k, the share of the exact best k that the index finds.
    """

    method: str
    scann_search_share: float | None = None
    queries: int | None = None
    recalls: Mapping[int, float] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns ``method`` and, of an approximate index, the other values, with a ``recall@k`` for each k."""
        values = {"method": self.method, "scann_search_share": self.scann_search_share, "queries": self.queries}
        recalls = {f"{_RECALL}{k}": recall for k, recall in self.recalls.items()}
        return {key: value for key, value in {**values, **recalls}.items() if value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "RetrievalDescription":
        """Reads what `to_json` returned."""
        recalls = {int(key.removeprefix(_RECALL)): values[key] for key in values if key.startswith(_RECALL)}
        return cls(values["method"], values.get("scann_search_share"), values.get("queries"), recalls)

    def __str__(self) -> str:
        return ", ".join(f"{key} {value}" for key, value in self.to_json().items())


EXACT = RetrievalDescription("exact")
