"""How popular something is: its events in the train split."""

import numpy as np
import numpy.typing as npt

from schemas.catalogue import Catalogue


class TrainCounts:
    """Looks up the events of items (or scenes) in the train split.

    Args:
        catalogue: what the train split has.
    """

    def __init__(self, catalogue: Catalogue):
        order = np.argsort(catalogue.fingerprints)
        self._fingerprints, self._counts = catalogue.fingerprints[order], catalogue.counts[order]

    def __call__(self, fingerprints: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the events of each, same shape; 0 for what the train split does not have."""
        place = np.minimum(np.searchsorted(self._fingerprints, fingerprints), len(self._fingerprints) - 1)
        return np.where(self._fingerprints[place] == fingerprints, self._counts[place], 0)

    def self_information(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Returns -log2 of the share of events, float32 in bits; add-one smoothed, so that 0 events are finite."""
        total = self._counts.sum() + len(self._counts) + 1
        return -np.log2((counts + 1) / total).astype(np.float32)
