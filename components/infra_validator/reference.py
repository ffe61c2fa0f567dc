"""The scores that a candidate gives through Python's loader, against which its answers are checked."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.infra_validator import answers
from components.infra_validator.histories import Histories
from components.infra_validator.ids import NONE, Ids
from components.infra_validator.refusal import RefusedError, about, refusing
from model.export.saved_model import load
from model.ranker import Ranker
from schemas.served_model import RECOMMEND_UNSEEN

DEVICE = "CPU:0"
"""Where the fresh process computes: a GPU rounds differently."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """A candidate in this process.

    Attributes:
        candidate: as Python loads it.
        items: the items that it ranks.
        scenes: the scenes that it ranks.
        exact: whether it finds the best items there are, and not an approximation.
    """

    candidate: Ranker
    items: Ids
    scenes: Ids
    exact: bool

    def check(
        self,
        asked: Histories,
        outputs: Mapping[str, Mapping[str, npt.NDArray[Any]]],
        left_out: npt.NDArray[np.int64],
    ) -> None:
        """Checks all rankings that were given for some histories.

        Args:
            asked: the histories.
            outputs: of each signature.
            left_out: int64 [n], fingerprints of the items that `recommend_unseen` was asked to leave out.

        Raises:
            RefusedError: if a ranking is wrong, or there are no scores to compare it with.
        """
        # In the same batch, because a user's scores depend on its size in their last digits.
        with refusing(f"score, {asked.names[0]}"), tf.device(DEVICE):
            item_scores, scene_scores = (x.numpy() for x in self.candidate.score(asked.items, asked.scenes))
        for row, name in enumerate(asked.names):
            for signature, answer in outputs.items():
                seen = [*asked.items[row], *left_out] if signature == RECOMMEND_UNSEEN else []
                columns = np.unique(self.items.columns(np.array(seen, np.int64)))
                with about(f"{signature}, {name}"):
                    answers.check_row(
                        answer["item_ids"][row],
                        answer["item_scores"][row],
                        self.items,
                        item_scores[row],
                        exclude=columns[columns != NONE],
                        exact=self.exact,
                    )
                    answers.check_row(
                        answer["scene_ids"][row],
                        answer["scene_scores"][row],
                        self.scenes,
                        scene_scores[row],
                    )


def load_reference(folder: str, items: Ids, scenes: Ids, exact: bool) -> Reference:
    """Loads a candidate with Python's loader.

    Args:
        folder: of the SavedModel.
        items: the item catalogue.
        scenes: the scene catalogue.
        exact: as in `Reference`.

    Raises:
        RefusedError: if it cannot be loaded, or ranks other things than the catalogues hold.
    """
    with refusing("Python cannot load it"), tf.device(DEVICE):
        candidate = load(folder)
    for kind, ids in (("item", items), ("scene", scenes)):
        with refusing(f"it does not tell the fingerprints of its {kind}s"):
            prints = getattr(candidate, f"{kind}_fingerprints").numpy()
        if not np.array_equal(prints, ids.catalogue.fingerprints):
            raise RefusedError(f"it ranks other {kind}s than the catalogue holds, or in another order")
    return Reference(candidate, items, scenes, exact)
