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
from components.infra_validator.histories import Histories
from components.infra_validator.refusal import RefusedError, about, refusing
from model.export.serving_module import QUESTION_OF, TOP_K
from model.questions import choose_question
from model.tracing import unoptimized
from schemas.catalogue import PAD_INDEX, Catalogue
from schemas.served_model import EMBED_USERS, RANK_ALLOWED, RANKINGS, RECOMMEND_UNSEEN, RETRIEVAL_FILE, SCENE
from serving.saved_model import load_saved_model, read_retrieval

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
    asked = list(itertools.product(signatures, histories))
    requests = [make_request(signature, batch) for signature, batch in asked]
    answered = ask(folder, requests, time_limit, find_libraries(method))

    for (signature, batch), request, outputs in zip(asked, requests, answered.outputs, strict=True):
        with about(request.name):
            if signature == EMBED_USERS:
                answers.check_embeddings(outputs, len(batch.names))
            else:
                places = batch.listed.shape[1] if signature == RANK_ALLOWED else min(TOP_K, len(items))
                for kind in RANKINGS:
                    wanted = min(TOP_K, len(scenes)) if kind == SCENE else places
                    answers.check_ranking(outputs, kind, len(batch.names), wanted)
    reference = load_reference(folder, items, scenes, exact=method == "exact")
    for place, batch in enumerate(histories):
        by_signature = zip(signatures, answered.outputs[place :: len(histories)], strict=True)
        rankings = {signature: outputs for signature, outputs in by_signature if signature != EMBED_USERS}
        reference.check(batch, rankings)
    return Validation(answered.load_seconds, len(requests), statistics.median(answered.seconds))


@dataclasses.dataclass(frozen=True)
class Reference:
    """A candidate in this process, whose answers' function `score` gives the scores to expect.

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
    ) -> None:
        """Checks all rankings that answer one batch of histories.

        Args:
            histories: the batch.
            rankings: the outputs of each signature that ranks.

        Raises:
            RefusedError: if a ranking is wrong, or there are no scores to compare it with.
        """
        expected = self._score(histories)
        for row, name in enumerate(histories.names):
            own = self._find_columns(histories.items[row])
            for signature, outputs in rankings.items():
                exclude = self._find_excluded(signature, histories.items[row], histories.listed[row])
                for kind in RANKINGS:
                    ranked = outputs[f"{kind}_ids"][row], outputs[f"{kind}_scores"][row]
                    with about(f"{signature}, {name}: {kind}_ids"):
                        if kind == SCENE:
                            answers.check_row(*ranked, self.scenes, expected[kind][row])
                        else:
                            scores = expected[kind][row].copy()
                            never = own[np.isneginf(scores[own])]  # a history that does not come again
                            scores[never] = 0.0
                            left = np.union1d(exclude, never)
                            exact = self.exact or signature == RANK_ALLOWED
                            answers.check_row(*ranked, self.items, scores, left, exact)

    def _find_excluded(
        self, signature: str, history: npt.NDArray[np.int64], listed: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Returns the distinct 0-based columns of items that an answer must not have."""
        if signature == RANK_ALLOWED:
            return np.setdiff1d(np.arange(len(self.items)), self._find_columns(listed))
        return self._find_columns([*history, *listed] if signature == RECOMMEND_UNSEEN else [])

    def _find_columns(self, wanted: Sequence[np.int64] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the distinct 0-based columns of those of some items that are in the catalogue."""
        index = self.items.index_of(np.array(wanted, np.int64))
        return np.setdiff1d(index, [PAD_INDEX, self.items.unknown_index]) - 1

    def _score(self, histories: Histories) -> dict[str, npt.NDArray[np.float32]]:
        """Returns the scores of whole catalogues, float32 [batch, N], by what is ranked."""
        scores: dict[str, npt.NDArray[np.float32]] = {}
        # In one batch, as in the fresh process: its size changes the last digits of a user's scores.
        with refusing(f"score, {histories.names[0]}"), tf.device(DEVICE), unoptimized():
            by_question: dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = {}
            for kind, wanted in QUESTION_OF.items():
                question = choose_question(wanted, list(self.candidate.answers))
                if question not in by_question:
                    score = self.candidate.answers[question].score
                    asked = histories.items, histories.scenes, histories.times, histories.now
                    by_question[question] = tuple(x.numpy() for x in score(*asked))
                of_items, of_scenes = by_question[question]
                scores[kind] = of_scenes if kind == SCENE else of_items
        return scores


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
