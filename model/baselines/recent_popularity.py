"""Recent popularity: what was most frequent lately, each event counting the less the older it is.

The weight of an event halves with every `TrainingConfig.recency_half_life_days` between it and the newest event of the
train split; histories and futures count alike (compare Ji et al., SIGIR 2020, "A Re-visit of the Popularity Baseline in
Recommender Systems": what is popular is a matter of the moment). Windows that overlap show an event in several
sequences of its user: it counts once, identified by user, item, scene and time.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from model.baselines.popularity import rank_by
from model.baselines.statistical_network import CountingTask, StatisticalNetwork
from model.data.sequences import SequenceBatch, TrainSequences
from schemas.sequences import SECONDS_A_DAY

WAITING = 1 << 22
"""Events that wait to be compared with those before, at least: 128 MiB."""

_SCHEMA = pa.schema([("user", pa.int64()), ("item", pa.int32()), ("scene", pa.int32()), ("timestamp", pa.int64())])


def fit(task: CountingTask) -> StatisticalNetwork:
    """Weighs all train events: a `model.baselines.statistical_network.Fit`, which reads no history."""
    events = distinct_events(task.train)
    times = events["timestamp"].to_numpy()
    age = (times.max(initial=np.iinfo(np.int64).min) - times) / SECONDS_A_DAY
    weights = 0.5 ** (age / task.training.recency_half_life_days)
    return rank_by(
        *(
            np.bincount(events[name].to_numpy(), weights, minlength=len(catalogue) + 2)[1:-1]
            for name, catalogue in (("item", task.items), ("scene", task.scenes))
        )
    )


def distinct_events(train: TrainSequences, waiting: int = WAITING) -> pa.Table:
    """Returns the events of the train split, each once: ``user``, ``item``, ``scene``, ``timestamp``.

    Args:
        train: the train split.
        waiting: events that wait to be compared with those before, at least.
    """
    known, new, number = _table([]), [], 0
    for batch in train:
        new.append(_table([_columns(batch, "history"), _columns(batch, "future")]))
        number += len(new[-1])
        if number >= max(waiting, len(known)):
            known, new, number = _distinct([known, *new]), [], 0
    return _distinct([known, *new])


def _columns(batch: SequenceBatch, part: str) -> dict[str, npt.NDArray[np.integer]]:
    events = getattr(batch, part)
    users = np.repeat(batch.users, np.diff(events.starts))
    return {"user": users, "item": events.items, "scene": events.scenes, "timestamp": events.timestamps}


def _table(parts: list[dict[str, npt.NDArray[np.integer]]]) -> pa.Table:
    return pa.concat_tables([_SCHEMA.empty_table(), *(pa.table(columns, _SCHEMA) for columns in parts)])


def _distinct(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).group_by(_SCHEMA.names).aggregate([]).select(_SCHEMA.names)
