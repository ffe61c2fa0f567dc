"""Whether a candidate can be served: it is loaded and asked in a fresh process, and its answers are checked."""

import dataclasses
import itertools
import statistics
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.infra_validator import answers, fresh_process, signatures
from components.infra_validator.histories import Histories
from components.infra_validator.ids import Ids
from components.infra_validator.reference import load_reference
from components.infra_validator.refusal import about, refusing
from model.export.saved_model import read_retrieval
from schemas.served_model import EMBED_USERS, RETRIEVAL_FILE

LEFT_OUT = 3
"""How many of the most popular items `recommend_unseen` is asked to leave out."""


@dataclasses.dataclass(frozen=True)
class Report:
    """How a candidate did.

    Attributes:
        load_seconds: time to load it.
        requests: how many it answered.
        median_seconds: time to answer one.
    """

    load_seconds: float
    requests: int
    median_seconds: float


def validate(folder: str, histories: Sequence[Histories], items: Ids, scenes: Ids, time_limit: float) -> Report:
    """Asks every signature of a candidate about every history.

    Args:
        folder: of the candidate's SavedModel.
        histories: what to ask about.
        items: the item catalogue.
        scenes: the scene catalogue.
        time_limit: seconds that the fresh process may take.

    Raises:
        RefusedError: if the candidate cannot be loaded, does not answer, or answers wrongly.
        UndecidedError: if the fresh process dies or takes too long.
        ImportError: if it needs a package that is not installed here.
    """
    known = signatures.read_signatures(folder)
    with refusing(f"its {RETRIEVAL_FILE} cannot be read"):
        method = read_retrieval(folder).method
    left_out = items.catalogue.fingerprints[:LEFT_OUT]
    questions = list(itertools.product(known, histories))
    requests = [_request(signature, asked, items.raw(left_out)) for signature, asked in questions]
    given = fresh_process.ask(folder, requests, time_limit, fresh_process.libraries_for(method))

    for (signature, asked), request, outputs in zip(questions, requests, given.outputs, strict=True):
        with about(request.name):
            if signature.name == EMBED_USERS:
                answers.check_embeddings(outputs, len(asked.names))
            else:
                answers.check_ranking(outputs, "item", len(asked.names), len(items.catalogue))
                answers.check_ranking(outputs, "scene", len(asked.names), len(scenes.catalogue))
    reference = load_reference(folder, items, scenes, exact=method == "exact")
    for place, asked in enumerate(histories):
        answered = zip(known, given.outputs[place :: len(histories)], strict=True)
        rankings = {signature.name: outputs for signature, outputs in answered if signature.name != EMBED_USERS}
        reference.check(asked, rankings, left_out)
    return Report(given.load_seconds, len(requests), statistics.median(given.seconds))


def _request(
    signature: signatures.Signature, asked: Histories, left_out: npt.NDArray[np.object_]
) -> fresh_process.Request:
    inputs = signatures.inputs_of(signature.name, asked, left_out)
    return fresh_process.Request(
        name=f"{signature.name}, {asked.names[0]}",
        inputs={signature.inputs[key]: array for key, array in inputs.items()},
        outputs=signature.outputs,
    )
