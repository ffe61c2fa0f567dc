"""The id map: the raw id of every fingerprint, each once; two ids with one fingerprint are found here."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def merge(table: pa.Table) -> tuple[pa.Table, list[tuple[str, str]]]:
    """Joins what the batches of a log found.

    Args:
        table: as in `schemas.catalogue.ID_MAP_COLUMNS`, ids repeated.

    Returns:
        Each pair once, by rising fingerprint, and the pairs of different ids that share a fingerprint.
    """
    # By fingerprint, then id: repeats stand side by side, and so do two ids with one fingerprint.
    table = table.take(pc.sort_indices(table, [("fingerprint", "ascending"), ("id", "ascending")])).combine_chunks()
    prints, ids = table["fingerprint"].to_numpy(), table["id"]
    same_print = prints[1:] == prints[:-1]
    same_id = pc.equal(ids[1:], ids[:-1]).to_numpy() if len(prints) > 1 else np.empty(0, bool)
    clashes = np.flatnonzero(same_print & ~same_id)
    pairs = [(ids[int(place)].as_py(), ids[int(place) + 1].as_py()) for place in clashes]
    first = np.append(True, ~same_print)[: len(prints)]
    return table.filter(pa.array(first)), pairs


def shard(id_map: pa.RecordBatch, shards: int) -> list[tuple[int, pa.RecordBatch]]:
    """Cuts an id map by fingerprint, so that equal fingerprints meet; empty shards are left out."""
    numbers = id_map.column(0).to_numpy() % shards
    parts = ((number, id_map.filter(pa.array(numbers == number))) for number in range(shards))
    return [(number, part) for number, part in parts if len(part)]
