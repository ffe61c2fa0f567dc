"""A train split small enough to count by hand, and how to ask what has counted it."""

import itertools
from collections.abc import Sequence as Rows

import numpy as np
import tensorflow as tf

from model.baselines.statistical_network import CountingTask, StatisticalNetwork, StatisticalNetworks
from model.config import TrainingConfig
from model.data.history import History
from model.data.sequences import TrainSequences
from schemas.catalogue import Catalogue
from tests.sequence_data import Sequence, catalogues, write_examples

TARGETS = ("next", "first_2_events", "first_10_days", "period", "prefix")

MAX_LENGTH = 3
"""Shorter than many of the histories."""

DAY = 86_400


def random_sequences(
    number: int = 40, seed: int = 0, items: int = 9, scenes: int = 4, tied: bool = False
) -> list[Sequence]:
    """Sequences of few ids that repeat, some with an empty history or future, at times of a month; `tied`, at three."""
    rng = np.random.RandomState(seed)

    def events(length: int) -> list[tuple[str, str]]:
        return [(f"item{min(rng.geometric(0.3), items)}", f"scene{rng.randint(scenes)}") for _ in range(length)]

    def times(length: int) -> list[int]:
        drawn = np.sort(rng.randint(30 * DAY, size=length))
        return (drawn // (10 * DAY) * (10 * DAY) if tied else drawn).tolist()

    result = []
    for _ in range(number):
        history, future = rng.randint(7), rng.randint(4)
        result.append(Sequence(events(history), events(future), times(history), times(future)))
    return result


def known_catalogues(data: Rows[Sequence], unknown: Rows[str] = ("item4", "scene3")) -> tuple[Catalogue, Catalogue]:
    """The catalogues of some sequences without some ids, each in an order of its own."""

    def renamed(events: list[tuple[str, str]], left: str) -> list[tuple[str, str]]:
        return [event for event in events if left not in event]

    return tuple(
        catalogues([Sequence(renamed(one.history, left), renamed(one.future, left)) for one in data])[kind]
        for kind, left in enumerate(unknown)
    )


def fitted(fit, folder, data: Rows[Sequence], target: str = "period", users=None, **options) -> StatisticalNetwork:
    """A baseline counted from files of some sequences, in small batches; `known_catalogues` are its catalogues."""
    items, scenes = known_catalogues(data)
    files = [
        write_examples(folder / f"{target}{part}.gz", data[part::2], users and users[part::2]) for part in range(2)
    ]
    train = TrainSequences(files, items, scenes, batch_size=7)
    training = TrainingConfig(questions=(target,), **options)
    return fit(CountingTask(train, items, scenes, MAX_LENGTH, training, target))


def indices(histories: Rows[Rows[str]], catalogue: Catalogue, width: int | None = None) -> tf.Tensor:
    """Raw ids as indices of a catalogue, int32 [batch, width], padded behind; "" is padding, the rest N + 1."""
    index = {"": 0, **{raw_id: place for place, raw_id in enumerate(catalogue.ids, 1)}}
    width = max([0, *(len(history) for history in histories)]) if width is None else width
    rows = [[index.get(raw_id, len(catalogue) + 1) for raw_id in history] for history in histories]
    rows = [row + [0] * (width - len(row)) for row in rows]
    return tf.constant(np.array(rows, np.int32).reshape(len(rows), width))


def item_and_scene_scores(network: StatisticalNetwork, items: tf.Tensor, scenes: tf.Tensor):
    """All scores, float [batch, N_v] and [batch, N_s]; on the way, the ways to get them are compared."""
    served, history = StatisticalNetworks({"period": network}), History(items, scenes)
    outputs = served.outputs(served.represent(history), history, "period")
    assert outputs.copies is None
    assert served.query_spec.is_compatible_with(outputs.item_queries)
    result = []
    for scorer, queries, whole in (
        (served.item_scorer("period"), outputs.item_queries, served.score_items(outputs, "period")),
        (network.scenes, outputs.o_scene, served.score_scenes(outputs, "period")),
    ):
        assert whole.dtype == tf.float32 and whole.shape == (len(items), scorer.size)
        check_pieces(scorer, queries, whole.numpy())
        result.append(whole.numpy())
    return result


def check_pieces(scorer, queries: tf.Tensor, whole: np.ndarray) -> None:
    """Chunks, put together, and single cells must be the same scores, to the last bit."""
    edges = sorted({0, scorer.size // 3, scorer.size // 2, scorer.size})
    pieces = [scorer.chunk(queries, tf.constant(a), tf.constant(b)) for a, b in zip(edges, edges[1:], strict=False)]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)
    rows, columns = np.random.RandomState(0).permutation(np.indices(whole.shape).reshape(2, -1).T).T
    rows, columns = np.append(rows, rows[:3]), np.append(columns, columns[:3])
    at = scorer.scores_at(queries, tf.constant(rows), tf.constant(columns))
    np.testing.assert_array_equal(at, whole[rows, columns])
    np.testing.assert_array_equal(scorer.rounding_at(queries, tf.constant(rows), tf.constant(columns)), 0)


def part(sequences: Rows[Sequence], kind: int) -> list[tuple[list[str], list[str]]]:
    """The ids of histories and futures: items (0) or scenes (1)."""
    return [([event[kind] for event in one.history], [event[kind] for event in one.future]) for one in sequences]


def earliest(events: list, times: Rows[int] | None) -> list:
    """The events of the first time; of events without times the first one."""
    return events[:1] if times is None else [e for e, time in zip(events, times, strict=True) if time == times[0]]


def in_window(sequence: Sequence, question: str) -> list[tuple[str, str]]:
    """The events of the future that are in a window; an example's question is asked a second after its history."""
    _, length, unit = question.split("_")
    times = list(sequence.future_times or range(len(sequence.future)))
    if unit == "days":
        past = sequence.history_times or range(len(sequence.history))
        end = 1 + max(past, default=0) + int(length) * DAY
        return [event for event, time in zip(sequence.future, times, strict=True) if time < end]
    inside = times[: int(length)]
    return [event for event, time in zip(sequence.future, times, strict=True) if time in inside]


def asked_for(sequence: Sequence, question: str) -> list[tuple[str, str]]:
    """The events of the future that a question asks for."""
    if question == "period":
        return sequence.future
    if question in ("next", "prefix"):
        return earliest(sequence.future, sequence.future_times)
    return in_window(sequence, question)


def pairs(sequence: Sequence, target: str) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """What follows what in a sequence, written down from the table of `model.data.sequences`."""
    history = sequence.history
    if not history:
        return []
    found = [(history[-1], event) for event in asked_for(sequence, target)]
    if target == "prefix":
        times = sequence.history_times or range(len(history))
        at = {time: [e for e, t in zip(history, times, strict=True) if t == time] for time in times}
        found += [(before[-1], event) for before, after in itertools.pairwise(at.values()) for event in after]
    return found


def ranks(catalogue: Catalogue) -> np.ndarray:
    """The scores below 1 that decide among equals, by future counts."""
    distinct = sorted(set(catalogue.future_counts.tolist()))
    return np.array([distinct.index(count) / len(distinct) for count in catalogue.future_counts], np.float32)
