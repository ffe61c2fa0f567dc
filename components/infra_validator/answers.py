"""The checks that an answer of a candidate must pass."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from components.infra_validator.refusal import RefusedError
from schemas.catalogue import Catalogue
from schemas.identity import fingerprints

TOLERANCE = 1e-4
"""Largest difference between the scores of two loaders, as a share of the user's greatest score or of 1."""

NOT_FOUND = -1
"""Column of a raw id that is not in the catalogue."""

NO_COLUMNS = np.empty(0, np.int64)


def check_ranking(outputs: Mapping[str, npt.NDArray[Any]], kind: str, rows: int, places: int) -> None:
    """Checks the form of an answer: the shapes and dtypes, and that scores are finite and fall.

    Args:
        outputs: ``<kind>_ids``, bytes [batch, k], and ``<kind>_scores``, float32 [batch, k].
        kind: one of `schemas.served_model.RANKINGS`.
        rows: number of histories in the request.
        places: k.

    Raises:
        RefusedError: if the answer has another form.
    """
    shape = (rows, places)
    for key, dtype in ((f"{kind}_ids", object), (f"{kind}_scores", np.float32)):
        if key not in outputs:
            raise RefusedError(f"it has no output {key}; it has {sorted(outputs)}")
        array = outputs[key]
        if array.shape != shape or array.dtype != dtype:
            wanted = "string" if dtype is object else "float32"
            found = "string" if array.dtype == object else array.dtype.name
            raise RefusedError(f"{key} is {found} {list(array.shape)}, where {wanted} {list(shape)} is expected")
    scores = outputs[f"{kind}_scores"]
    if not np.isfinite(scores).all():
        raise RefusedError(f"{kind}_scores has values that are not finite")
    if (np.diff(scores, axis=1) > 0).any():
        raise RefusedError(f"{kind}_scores does not fall from place to place")


def check_row(
    ids: npt.NDArray[np.object_],
    scores: npt.NDArray[np.float32],
    catalogue: Catalogue,
    expected: npt.NDArray[np.float32],
    exclude: npt.NDArray[np.int64] = NO_COLUMNS,
    exact: bool = True,
) -> None:
    """Checks the answer for one user against the scores of the whole catalogue.

    Args:
        ids: bytes [k], best first; ``b""`` at places that nothing fills.
        scores: float32 [k].
        catalogue: the catalogue that is ranked.
        expected: float32 [N], the score of each id of the catalogue, in its order.
        exclude: int64, distinct 0-based columns that must not come back.
        exact: whether the ids must be the best of the catalogue; an approximate index may miss some of these.

    Raises:
        RefusedError: if an id is not in the catalogue, comes back twice or should have been left out, if a score is
            not the expected one, or if better ids have not come back.
    """
    if not np.isfinite(expected).all():
        raise RefusedError("`score` gives values that are not finite")
    possible = min(len(ids), len(expected) - len(exclude))
    filled = np.count_nonzero(ids != b"")
    if (ids[:filled] == b"").any():
        raise RefusedError("a place that nothing fills comes before one that is filled")
    if filled != possible:
        raise RefusedError(f"{filled} of {possible} places are filled")
    ids, scores = ids[:filled], scores[:filled]
    columns = find_columns(ids, catalogue)
    if (columns == NOT_FOUND).any():
        raise RefusedError(f"{_show_id(ids[np.argmax(columns == NOT_FOUND)])} is not in the catalogue")
    distinct, counts = np.unique(columns, return_counts=True)
    if len(distinct) != filled:
        raise RefusedError(f"{_show_id(ids[columns == distinct[np.argmax(counts)]][0])} comes back more than once")
    seen = np.isin(columns, exclude)
    if seen.any():
        raise RefusedError(f"{_show_id(ids[np.argmax(seen)])} comes back, though it was to be left out")
    tolerance = TOLERANCE * max(1.0, np.abs(expected).max())
    _compare_scores(scores, expected[columns], tolerance, "the model gives {} by `score`")
    if exact and filled:
        left = np.delete(expected, exclude)
        best = np.sort(np.partition(left, len(left) - filled)[len(left) - filled :])[::-1]
        _compare_scores(scores, best, tolerance, "the best there is has {}")


def check_embeddings(outputs: Mapping[str, npt.NDArray[Any]], rows: int) -> None:
    """Checks that every output is a finite float32 [batch, width].

    Args:
        outputs: the answer of `embed_users`, by the key of the output.
        rows: number of histories in the request.

    Raises:
        RefusedError: if an output is something else.
    """
    for key, array in sorted(outputs.items()):
        if array.dtype != np.float32 or array.ndim != 2 or len(array) != rows:
            raise RefusedError(
                f"{key} is {array.dtype.name} {list(array.shape)}, where float32 [{rows}, width] is expected"
            )
        if not np.isfinite(array).all():
            raise RefusedError(f"{key} has values that are not finite")


def find_columns(raw_ids: npt.NDArray[np.object_], catalogue: Catalogue) -> npt.NDArray[np.int64]:
    """Returns the 0-based column of each raw id, bytes [n], in the catalogue; `NOT_FOUND` where it has none."""
    wanted = fingerprints(raw_id.decode("utf-8", "replace") for raw_id in raw_ids)
    # One fingerprint of two ids, or bytes that are no UTF-8, would otherwise pass for an id of the catalogue.
    pairs = zip(catalogue.raw_ids(wanted), raw_ids, strict=True)
    is_found = np.array([bool(found) and found.encode() == raw_id for found, raw_id in pairs], bool)
    return np.where(is_found, catalogue.index_of(wanted) - 1, NOT_FOUND)


def _compare_scores(
    scores: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], tolerance: float, what: str
) -> None:
    wrong = np.abs(scores - expected) > tolerance
    if wrong.any():
        place = int(np.argmax(wrong))
        raise RefusedError(
            f"place {place + 1} has the score {scores[place]:.6g}, but " + what.format(f"{expected[place]:.6g}")
        )


def _show_id(raw_id: bytes) -> str:
    return repr(raw_id.decode("utf-8", "replace"))
