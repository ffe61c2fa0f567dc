"""What the train split holds in answer to a question: how often each item, and after which last scene.

Of a sequence each target counts once, as in training. The popularity of an item after a scene is smoothed towards the
item's popularity over all scenes,

    p(k | s) = (n_sk + m p(k)) / (n_s + m),

and that of a scene likewise, where n_sk sequences whose history ends in scene s have k as a target, n_s is the sum of
n_sk over all k, and p(k) is add-one smoothed. The strength m is chosen by the likelihood of the targets of users that
are left out, one user at a time: where the scene says nothing, m is infinite.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from model.data.pair_counts import PairCounts
from model.data.sequences import Events, SequenceBatch, TrainSequences, events_asked_for
from schemas.catalogue import Catalogue

STRENGTHS = tuple(np.round(np.geomspace(1, 1e6, 25)).tolist())
"""Values of m that are tried, beside infinity."""

MOST_JUDGED = 1 << 22
"""Targets by which m is chosen, at most: 96 MiB."""


@dataclasses.dataclass(frozen=True)
class TargetCounts:
    """Counts of the targets of a question over the train split.

    Attributes:
        items: int64 [N_v], how many sequences have each item as a target.
        scenes: int64 [N_s], how many have each scene.
        by_scene: n_sk, int [N_s, N_v], 0-based; rising columns in each row.
        strength: m, or infinity.
        scenes_by_scene: how many sequences whose history ends in a scene have each scene as a target, int [N_s, N_s].
        scene_strength: m of the scenes.
        repeats: share of the targets that the sequence's own history holds.
    """

    items: npt.NDArray[np.int64]
    scenes: npt.NDArray[np.int64]
    by_scene: sparse.csr_matrix
    strength: float
    scenes_by_scene: sparse.csr_matrix
    scene_strength: float
    repeats: float = 1.0


def count_targets(
    train: TrainSequences, questions: Sequence[str], items: Catalogue, scenes: Catalogue
) -> dict[str, TargetCounts]:
    """Counts the targets of each question.

    Args:
        train: the train split, read once.
        questions: from `model.questions`; of a prefix the next events after the whole history count.
        items: the item catalogue.
        scenes: the scene catalogue.
    """
    counters = {question: _Counter(len(items), len(scenes)) for question in questions}
    for batch in train:
        for question, counter in counters.items():
            counter.add(batch, events_asked_for(question, batch))
    return {question: counter.summarise() for question, counter in counters.items()}


class _Counter:
    """Counts the targets of one question, batch by batch, in catalogues of two sizes."""

    def __init__(self, items: int, scenes: int):
        self._items, self._scenes = np.zeros(items, np.int64), np.zeros(scenes, np.int64)
        self._by_scene, self._scenes_by_scene = PairCounts(scenes, items), PairCounts(scenes, scenes)
        self._judged, self._judged_scenes = _Judged(), _Judged()
        self._repeated = 0

    def add(self, batch: SequenceBatch, future: Events) -> None:
        size = len(self._items)
        last = _last_scenes(batch.history, len(self._scenes))
        sequence, item = _distinct_targets(future, future.items, size)
        self._items += np.bincount(item, minlength=size + 1)[1:]
        own = _distinct_targets(batch.history, batch.history.items, size)
        targets, known = (rows * (size + 1) + items for rows, items in ((sequence, item), own))
        self._repeated += np.intersect1d(targets, known, assume_unique=True).size
        self._by_scene.add(last[sequence], item.astype(np.int32))
        self._judged.add(batch.users[sequence], last[sequence], item)
        sequence, scene = _distinct_targets(future, future.scenes, len(self._scenes))
        self._scenes += np.bincount(scene, minlength=len(self._scenes) + 1)[1:]
        self._scenes_by_scene.add(last[sequence], scene.astype(np.int32))
        self._judged_scenes.add(batch.users[sequence], last[sequence], scene)

    def summarise(self) -> TargetCounts:
        by_scene, scenes_by_scene = self._by_scene.matrix(), self._scenes_by_scene.matrix()
        return TargetCounts(
            self._items,
            self._scenes,
            by_scene,
            choose_strength(self._judged.cells(), self._items, by_scene),
            scenes_by_scene,
            choose_strength(self._judged_scenes.cells(), self._scenes, scenes_by_scene),
            repeats=self._repeated / max(1, self._items.sum()),
        )


class _Judged:
    """The targets by which a strength is chosen: the first `MOST_JUDGED` whose last scene is known."""

    def __init__(self) -> None:
        self._parts = [np.zeros([3, 0], np.int64)]
        self._room = MOST_JUDGED

    def add(self, users: npt.NDArray[np.int64], scenes: npt.NDArray[np.int32], targets: npt.NDArray[np.int64]) -> None:
        """Adds users, last scenes and targets, [P] each, the latter two counted from 1 and 0 where unknown."""
        kept = np.flatnonzero(scenes > 0)[: self._room]
        self._room -= len(kept)
        self._parts.append(np.stack([users[kept], scenes[kept] - 1, targets[kept] - 1]))

    def cells(self) -> npt.NDArray[np.int64]:
        """Returns user, 0-based last scene and 0-based target, int64 [3, targets]."""
        return np.concatenate(self._parts, axis=1)


def from_catalogues(items: Catalogue, scenes: Catalogue) -> TargetCounts:
    """Returns the counts that catalogues know: all events of all futures, after whatever scene."""
    return without_scenes(items.future_counts, scenes.future_counts)


def without_scenes(items: npt.NDArray[np.int64], scenes: npt.NDArray[np.int64]) -> TargetCounts:
    """Returns counts of items, [N_v], and of scenes, [N_s], of which nobody knows after which scene they came."""
    nothing, none = (sparse.csr_matrix((len(scenes), size), dtype=np.int64) for size in (len(items), len(scenes)))
    return TargetCounts(items, scenes, nothing, np.inf, none, np.inf)


def log_share(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Returns the log of each candidate's share, add-one smoothed, float32 [N]."""
    return np.log((counts + 1.0) / (counts + 1.0).sum()).astype(np.float32)


def scene_gains(
    by_scene: sparse.csr_matrix, totals: npt.NDArray[np.int64], m: float
) -> tuple[sparse.csr_matrix, npt.NDArray[np.float32]]:
    """Returns log p(k | s) - log p(k), as what seen cells have beyond the rest of their row, and that rest.

    Args:
        by_scene: n_sk, [N_s, N].
        totals: how many sequences have each candidate as a target, int64 [N].
        m: the strength.

    Returns:
        log(1 + n_sk / (m p(k))), float32 [N_s, N], and log(m / (n_s + m)), float32 [N_s]; nothing and 0 where m is
        infinite.
    """
    if np.isinf(m):
        return sparse.csr_matrix(by_scene.shape, dtype=np.float32), np.zeros(by_scene.shape[0], np.float32)
    share = (totals + 1.0) / (totals + 1.0).sum()
    gains = np.log1p(by_scene.data / (m * share[by_scene.indices])).astype(np.float32)
    in_scene = np.asarray(by_scene.sum(axis=1)).ravel()
    cells = sparse.csr_matrix((gains, by_scene.indices, by_scene.indptr), by_scene.shape)
    return cells, np.log(m / (in_scene + m)).astype(np.float32)


def choose_strength(
    cells: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    by_scene: sparse.csr_matrix,
    strengths: Sequence[float] = STRENGTHS,
) -> float:
    """Returns the m under which targets are likeliest, each user's given the counts of all others.

    Args:
        cells: user, 0-based last scene and 0-based item of every target, int64 [3, targets].
        items: how many sequences have each item as a target, int64 [N_v].
        by_scene: n_sk.
        strengths: what is tried, beside infinity.
    """
    if not cells.shape[1]:
        return np.inf
    user, scene, item = cells
    _, user = np.unique(user, return_inverse=True)
    in_scene, width = user * by_scene.shape[0] + scene, len(items)
    keys, own = np.unique(in_scene * width + item, return_counts=True)
    in_scene, item = keys // width, keys % width
    user, scene = in_scene // by_scene.shape[0], in_scene % by_scene.shape[0]
    of_item, of_scene, of_user = (_sum_by(key, own) for key in (user * width + item, in_scene, user))
    n_item, n_all = items[item] - of_item, items.sum() - of_user
    share = (n_item + 1.0) / (n_all + len(items))
    n_cell = np.asarray(by_scene[scene, item]).ravel() - own
    n_scene = np.asarray(by_scene.sum(axis=1)).ravel()[scene] - of_scene
    likelihoods = {np.inf: float(own @ np.log(share))}
    for m in strengths:
        likelihoods[m] = float(own @ np.log((n_cell + m * share) / (n_scene + m)))
    return max(likelihoods, key=likelihoods.__getitem__)


def _sum_by(keys: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns, for each place, the sum of the values of all places with the same key."""
    _, group = np.unique(keys, return_inverse=True)
    return np.bincount(group, values).astype(np.int64)[group]


def _last_scenes(history: Events, size: int) -> npt.NDArray[np.int32]:
    """Returns the last scene of each history, int32 [S]; 0 where there is none, or one of no catalogue."""
    filled = np.diff(history.starts) > 0
    last = np.zeros(len(filled), np.int32)
    last[filled] = history.scenes[history.starts[1:][filled] - 1]
    return np.where(last <= size, last, 0)


def _distinct_targets(
    future: Events, indices: npt.NDArray[np.int32], size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the sequence and the index of each target that is in the catalogue, each once a sequence."""
    sequence = np.repeat(np.arange(len(future.starts) - 1), np.diff(future.starts))
    known = (indices >= 1) & (indices <= size)
    keys = np.unique(sequence[known] * (size + 1) + indices[known])
    return keys // (size + 1), keys % (size + 1)
