"""Raw ids and fingerprints of a catalogue, looked up by the thousand among millions."""

import numpy as np
import numpy.typing as npt

from schemas.catalogue import Catalogue
from schemas.identity import PAD_FINGERPRINT, fingerprints

NONE = -1
"""The column of what is not in the catalogue."""


class Ids:
    """Looks up the columns and the raw ids of a catalogue, with a search among sorted fingerprints.

    Args:
        catalogue: the items or the scenes that a model can rank.

    Attributes:
        catalogue: the same.
        unknown: bytes, a raw id that is surely not in the catalogue.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self._order = np.argsort(catalogue.fingerprints)
        self._sorted = catalogue.fingerprints[self._order]
        name = "not in the catalogue"
        while self.columns(fingerprints([name]))[0] != NONE:
            name += "?"
        self.unknown = name.encode()

    def columns(self, prints: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the 0-based column of each fingerprint, in the same shape; `NONE` where there is none."""
        place = np.minimum(np.searchsorted(self._sorted, prints), len(self._sorted) - 1)
        return np.where(self._sorted[place] == prints, self._order[place], NONE)

    def columns_of_raw(self, raw_ids: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
        """Returns the 0-based column of each raw id, bytes [n]; `NONE` where there is none."""
        columns = self.columns(fingerprints(raw_id.decode("utf-8", "replace") for raw_id in raw_ids))
        # One fingerprint of two ids, or bytes that are no UTF-8, would otherwise pass for an id of the catalogue.
        same = [self.catalogue.ids[place].encode() == raw for place, raw in zip(columns, raw_ids, strict=True)]
        return np.where(same, columns, NONE)

    def raw(self, prints: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
        """Returns the raw id of each fingerprint as bytes, in the same shape; `unknown` where it is not known."""
        raw = np.full(prints.shape, self.unknown, object)
        columns = self.columns(prints)
        raw[columns != NONE] = [raw_id.encode() for raw_id in self.catalogue.ids[columns[columns != NONE]]]
        raw[prints == PAD_FINGERPRINT] = b""
        return raw
