"""The raw ids behind fingerprints: from the catalogue, and for what no train sequence has from the id map."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.catalogue import Catalogue


def raw_ids(wanted: Iterable[int], catalogue: Catalogue, id_map: str) -> dict[int, str]:
    """Finds raw ids.

    Args:
        wanted: fingerprints.
        catalogue: is asked first.
        id_map: glob of the id map's Parquet files; read in batches, and only when the catalogue lacks an id.

    Returns:
        The raw id of each fingerprint.

    Raises:
        ValueError: if one is in neither.
    """
    prints = np.unique(np.fromiter(wanted, np.int64))
    known = np.flatnonzero(np.isin(catalogue.fingerprints, prints))
    found = dict(zip(catalogue.fingerprints[known].tolist(), catalogue.ids[known].tolist(), strict=True))
    missing = [print_ for print_ in prints.tolist() if print_ not in found]
    if missing:
        found |= _from_id_map(missing, id_map)
    lost = [print_ for print_ in missing if print_ not in found]
    if lost:
        raise ValueError(
            f"{id_map} has no raw id for {len(lost)} of the {len(prints)} ids to show, such as the one with "
            f"fingerprint {lost[0]}. Examples and id map must come from one run of SequenceExampleGen: run that step "
            "again."
        )
    return found


def _from_id_map(wanted: list[int], pattern: str) -> dict[int, str]:
    prints = pa.array(wanted, pa.int64())
    found: dict[int, str] = {}
    for match in FileSystems.match([pattern])[0].metadata_list:
        with FileSystems.open(match.path) as file:
            for batch in pq.ParquetFile(file).iter_batches(columns=["fingerprint", "id"]):
                batch = batch.filter(pc.is_in(batch.column(0), prints))
                found |= dict(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))
    return found
