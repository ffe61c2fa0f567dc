"""The validation of a candidate: it is asked in a fresh process, and Python's loader gives the scores to expect."""

import dataclasses
import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.infra_validator import answers
from components.infra_validator.candidate import ask, find_libraries, make_request, read_signatures
from components.infra_validator.histories import Histories, encode_ids
from components.infra_validator.refusal import RefusedError, about, refusing
from schemas.catalogue import PAD_INDEX, Catalogue
from schemas.served_model import EMBED_USERS, RECOMMEND_UNSEEN, RETRIEVAL_FILE
from serving.saved_model import load_saved_model, read_retrieval

LEFT_OUT = 3
"""Number of the most popular items that `recommend_unseen` is asked to leave out."""

DEVICE = "CPU:0"
"""Device of the expected scores: the fresh process computes on the CPU, and a GPU rounds differently."""


@dataclasses.dataclass(frozen=True)
class Validation:
    """How a candidate passed.

    Attributes:
        load_seconds: time to load the model.
        requests: number of requests that it answered.
        median_seconds: time to answer one request.
    """

    load_seconds: float
    requests: int
    median_seconds: float


def validate(
    folder: str, histories: Sequence[Histories], items: Catalogue, scenes: Catalogue, time_limit: float
) -> Validation:
    """Asks every signature of a candidate about every history, and checks the answers.

    Args:
        folder: folder of the candidate's SavedModel.
        histories: what to ask about.
        items: the item catalogue.
        scenes: the scene catalogue.
        time_limit: seconds that the fresh process may take.

    Raises:
        RefusedError: if the candidate cannot be loaded, does not answer, or answers wrongly.
        UndecidedError: if the fresh process dies or takes too long.
        ImportError: if the candidate needs a package that is not installed here.
    """
    signatures = read_signatures(folder)
    with refusing(f"its {RETRIEVAL_FILE} cannot be read"):
        method = read_retrieval(folder).method
    left_out = items.fingerprints[:LEFT_OUT]
    exclude = encode_ids(items, left_out)
    asked = list(itertools.product(signatures, histories))
    requests = [make_request(signature, batch, exclude) for signature, batch in asked]
    answered = ask(folder, requests, time_limit, find_libraries(method))

    for (signature, batch), request, outputs in zip(asked, requests, answered.outputs, strict=True):
        with about(request.name):
            if signature == EMBED_USERS:
                answers.check_embeddings(outputs, len(batch.names))
            else:
                answers.check_ranking(outputs, "item", len(batch.names), len(items))
                answers.check_ranking(outputs, "scene", len(batch.names), len(scenes))
    reference = load_reference(folder, items, scenes, exact=method == "exact")
    for place, batch in enumerate(histories):
        by_signature = zip(signatures, answered.outputs[place :: len(histories)], strict=True)
        rankings = {signature: outputs for signature, outputs in by_signature if signature != EMBED_USERS}
        reference.check(batch, rankings, left_out)
    return Validation(answered.load_seconds, len(requests), statistics.median(answered.seconds))


@dataclasses.dataclass(frozen=True)
class Reference:
    """A candidate in this process, whose function `score` gives the scores to expect.

    Attributes:
        candidate: the `model.export.serving_module.ServingModule`, as Python loads it.
        items: the catalogue of the items that it ranks.
        scenes: the catalogue of the scenes that it ranks.
        exact: whether the candidate finds the best items, rather than an approximation.
    """

    candidate: Any
    items: Catalogue
    scenes: Catalogue
    exact: bool

    def check(
        self,
        histories: Histories,
        rankings: Mapping[str, Mapping[str, npt.NDArray[Any]]],
        left_out: npt.NDArray[np.int64],
    ) -> None:
        """Checks all rankings that answer one batch of histories.

        Args:
            histories: the batch.
            rankings: the outputs of each signature that ranks.
            left_out: int64 [n], fingerprints of the items that `recommend_unseen` was asked to leave out.

        Raises:
            RefusedError: if a ranking is wrong, or there are no scores to compare it with.
        """
        # In one batch, as in the fresh process: its size changes the last digits of a user's scores.
        with refusing(f"score, {histories.names[0]}"), tf.device(DEVICE):
            item_scores, scene_scores = (x.numpy() for x in self.candidate.score(histories.items, histories.scenes))
        for row, name in enumerate(histories.names):
            for signature, outputs in rankings.items():
                seen = [*histories.items[row], *left_out] if signature == RECOMMEND_UNSEEN else []
                index = self.items.index_of(np.array(seen, np.int64))
                exclude = np.setdiff1d(index, [PAD_INDEX, self.items.unknown_index]) - 1
                with about(f"{signature}, {name}"):
                    item_row = outputs["item_ids"][row], outputs["item_scores"][row]
                    answers.check_row(*item_row, self.items, item_scores[row], exclude, self.exact)
                    scene_row = outputs["scene_ids"][row], outputs["scene_scores"][row]
                    answers.check_row(*scene_row, self.scenes, scene_scores[row])


def load_reference(folder: str, items: Catalogue, scenes: Catalogue, exact: bool) -> Reference:
    """Loads a candidate with Python's loader.

    Args:
        folder: folder of the SavedModel.
        items: the item catalogue.
        scenes: the scene catalogue.
        exact: whether the candidate finds the best items, rather than an approximation.

    Raises:
        RefusedError: if the candidate cannot be loaded, or ranks other ids than the catalogues hold.
    """
    with refusing("Python cannot load it"), tf.device(DEVICE):
        candidate = load_saved_model(folder)
    for kind, catalogue in (("item", items), ("scene", scenes)):
        with refusing(f"it does not tell the fingerprints of its {kind}s"):
            ranked = getattr(candidate, f"{kind}_fingerprints").numpy()
        if not np.array_equal(ranked, catalogue.fingerprints):
            raise RefusedError(f"it ranks other {kind}s than the catalogue holds, or in another order")
    return Reference(candidate, items, scenes, exact)
