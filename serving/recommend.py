"""Asks a pushed model, in this process, what a user with a given history wants next."""

import dataclasses
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from schemas.errors import UserError
from schemas.served_model import ITEM_NAMES_FILE
from serving.error_text import extract_message
from serving.recommendations import SHOWN_IDS, Question, Recommendations
from serving.saved_model import UnusableModelError, ask_signature, load_saved_model
from serving.version_folders import find_versions


def find_version(model: str) -> str:
    """Returns the folder of a SavedModel, given that folder or the one that holds its versions.

    Raises:
        UserError: if there is no model, or its folder cannot be read.
    """
    if os.path.isfile(os.path.join(model, "saved_model.pb")):
        return model
    try:
        versions = find_versions(model)
    except OSError as error:
        raise UserError(f"--model: {model!r} cannot be read ({error.strerror})") from error
    if not versions:
        raise UserError(
            f"--model: no SavedModel in {model!r}; expected saved_model.pb, or folders of versions such as 1732406400 "
            "that hold it. A run prints where it pushed its model"
        )
    return versions[max(versions)]


def recommend(model: str, question: Question, top: int) -> Recommendations:
    """Loads a model and asks it.

    Args:
        model: folder of a SavedModel, or of its versions, of which the latest is taken.
        question: what to ask.
        top: how many to return at most; the model may return fewer.

    Returns:
        The answer, with the names of its items if the model has them, and with notes about items and scenes of the
        history that the model does not know, and about items of ``question.only`` that it does not rank.

    Raises:
        UserError: if there is no model.
        UnusableModelError: if it cannot be loaded here, lacks what is asked for, or answers with something else.
    """
    folder = find_version(model)
    loaded = _load(folder)
    if question.signature not in loaded.signatures:
        raise UnusableModelError(
            f"--model: {folder} has no signature {question.signature!r}, only {sorted(loaded.signatures)}. It was "
            "exported by an older version of this project: run the pipeline again"
        )
    import tensorflow as tf

    inputs = {name: tf.constant(rows) for name, rows in question.make_inputs().items()}
    try:
        outputs = ask_signature(loaded, question.signature, inputs)
        lists = {name: _to_lists(tensor) for name, tensor in outputs.items()}
        answer = Recommendations.from_outputs(lists, top, question)
    except Exception as error:  # a foreign model raises anything
        raise UnusableModelError(
            f"--model: {folder} did not answer with recommendations ({extract_message(error)}). Is it a model of this "
            "project? A run prints where it pushed its model"
        ) from error
    ranked = {raw_id: None for raw_id, _ in (*answer.items, *(answer.period_items or ()))}
    names, names_note = _read_names(folder, list(ranked))
    notes = *_find_unknown(loaded, question), *answer.notes, *names_note
    return dataclasses.replace(answer, item_names=names, notes=notes)


def _load(folder: str) -> Any:
    # What libraries say about the machine while they are imported helps nobody here; errors are exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow  # noqa: F401
    try:
        return load_saved_model(folder)
    except UnusableModelError as error:
        raise UnusableModelError(f"--model: {error}") from error


def _find_unknown(loaded: Any, question: Question) -> Iterator[str]:
    """Yields a note about the items of a history that the model's catalogue lacks, and one about its scenes."""
    for kind, asked, catalogue, consequence in (
        ("items", question.items, "item_ids", "what an unknown user is recommended"),
        ("scenes", question.scenes, "scene_ids", "the answer for a scene that the model has never seen"),
    ):
        known: Any = getattr(loaded, catalogue, None)  # a foreign model may have anything there
        if not asked or not hasattr(known, "numpy"):
            continue
        distinct = {raw_id.encode("utf-8"): raw_id for raw_id in asked}
        unknown = [distinct[raw_id] for raw_id in distinct.keys() - set(known.numpy().ravel())]
        if not unknown:
            continue
        shown = ", ".join(map(repr, sorted(unknown, key=asked.index)[:SHOWN_IDS]))
        if len(unknown) == len(distinct):
            lead = f"None of the {kind} of the history is in the catalogue of the model: this is {consequence}."
        else:
            lead = f"{len(unknown)} of {len(distinct)} {kind} of the history count as unknown to the model."
        yield f"{lead} Expected ids as they stand in the log. Received: {shown}"


def _read_names(folder: str, items: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns the names of items that are in the model's table, and a note if there is a table that cannot be read."""
    path = os.path.join(folder, ITEM_NAMES_FILE)
    if not items or not os.path.isfile(path):
        return {}, ()
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path, columns=["id", "name"], filters=[("id", "in", items)]).to_pylist()
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        return {}, (f"The names of the items cannot be read ({path}: {extract_message(error)})",)
    return {row["id"]: row["name"] for row in rows if row["name"]}, ()


def _to_lists(tensor: Any) -> list[Any]:
    values = tensor.numpy()
    if values.dtype == object:  # strings
        return [[raw_id.decode("utf-8") for raw_id in row] for row in values]
    return values.tolist()
