"""Outbrain Click Prediction (Kaggle): page views on publishers' sites, as an event log.

Kaggle asks for an account and agreement to its rules, so download ``page_views.csv`` (2 billion rows, 100 GB; or
``page_views_sample.csv``) and ``documents_meta.csv`` by hand and unzip them; they may be gzipped (``.csv.gz``).

* The user is ``uuid``, the item ``document_id``, the scene the ``source_id`` of the document: the part of a
  publisher's site on which it appeared.
* Kaggle's ``timestamp`` is milliseconds since 1465876799998 (2016-06-14 04:00 UTC); the log has whole unix seconds.
  The paper counts days without that offset, so its "day N" begins at four in the morning here.
* A view whose document has no row in ``documents_meta.csv``, or a row without ``source_id``, has no scene. It is no
  event in the sense of the paper (Eq. 1), and an invented scene would be one that nobody can recommend, so it is left
  out; both kinds are counted and reported.

Run it with ``python -m public_data.outbrain PAGE_VIEWS DOCUMENTS_META OUT.parquet``.
"""

import argparse
import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from public_data.parquet import EVENT_LOG_SCHEMA, open_event_log
from schemas.errors import UserError

EPOCH_MS = 1465876799998
BLOCK_BYTES = 64 << 20

PAGE_VIEWS_COLUMNS = {"uuid": pa.string(), "document_id": pa.int64(), "timestamp": pa.int64()}
DOCUMENTS_META_COLUMNS = {"document_id": pa.int64(), "source_id": pa.int32()}
MAY_BE_EMPTY = {"source_id"}

NO_META = -1
NO_SOURCE = -2


@dataclasses.dataclass(frozen=True)
class RowCounts:
    """What became of the page views.

    Attributes:
        rows: page views read.
        without_meta: left out, because the document is not in ``documents_meta.csv``.
        without_source: left out, because the document's ``source_id`` is empty.
    """

    rows: int = 0
    without_meta: int = 0
    without_source: int = 0

    @property
    def written(self) -> int:
        """Events written."""
        return self.rows - self.without_meta - self.without_source

    def __add__(self, other: "RowCounts") -> "RowCounts":
        return RowCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(RowCounts)))

    def __str__(self) -> str:
        return (
            f"{self.rows:,} page views: {self.written:,} events written, left out {self.without_meta:,} whose document "
            f"has no meta data and {self.without_source:,} whose document has no source"
        )


def prepare(page_views: str, documents_meta: str, out_path: str, block_bytes: int = BLOCK_BYTES) -> RowCounts:
    """Writes the page views as one Parquet event log (`public_data.parquet.EVENT_LOG_SCHEMA`), in their order.

    One block of `page_views` is in memory at a time, and becomes one row group.

    Args:
        page_views: ``page_views.csv``, ``page_views_sample.csv``, or either gzipped.
        documents_meta: ``documents_meta.csv``, or gzipped.
        out_path: the file to write; it appears only when it is complete.
        block_bytes: how much CSV text is read at a time.

    Returns:
        How many rows were read, and how many left out for which reason.

    Raises:
        UserError: if a file is not one of Kaggle's, or a row cannot be read.
        FileNotFoundError: if a file is missing.
    """
    source_of_document = read_sources(documents_meta)
    counts = RowCounts()
    with open_event_log(out_path) as writer:
        for views in _read_csv(page_views, PAGE_VIEWS_COLUMNS, block_bytes):
            log, block_counts = make_event_log(views, source_of_document)
            writer.write_batch(log)
            counts += block_counts
    return counts


def make_event_log(
    views: pa.RecordBatch, source_of_document: npt.NDArray[np.int32]
) -> tuple[pa.RecordBatch, RowCounts]:
    """Turns page views into events.

    Args:
        views: `PAGE_VIEWS_COLUMNS`.
        source_of_document: see `read_sources`.

    Returns:
        The events with a scene, as `EVENT_LOG_SCHEMA`, and the counts of this batch.
    """
    documents = views["document_id"].to_numpy(zero_copy_only=False)
    known = (documents >= 0) & (documents < len(source_of_document))
    sources = np.where(known, source_of_document[np.where(known, documents, 0)], NO_META)
    kept = sources >= 0
    views = views.filter(pa.array(kept))
    seconds = (views["timestamp"].to_numpy(zero_copy_only=False) + EPOCH_MS) // 1000
    log = pa.RecordBatch.from_arrays(
        [
            views["uuid"],
            pc.cast(views["document_id"], pa.string()),
            pc.cast(pa.array(sources[kept]), pa.string()),
            pa.array(seconds, pa.int64()),
        ],
        schema=EVENT_LOG_SCHEMA,
    )
    return log, RowCounts(len(kept), int(np.sum(sources == NO_META)), int(np.sum(sources == NO_SOURCE)))


def read_sources(documents_meta: str) -> npt.NDArray[np.int32]:
    """Reads the source of every document.

    Returns:
        int32 array indexed by document id (Kaggle's run from 1 to 3M without large gaps): its ``source_id``,
        `NO_SOURCE` where that is empty, `NO_META` where the document is not in the file.

    Raises:
        UserError: if the file is not Kaggle's.
    """
    table = pa.Table.from_batches(_read_csv(documents_meta, DOCUMENTS_META_COLUMNS, BLOCK_BYTES))
    documents = table["document_id"].to_numpy()
    if documents.min(initial=0) < 0:
        raise UserError(f"{documents_meta} is not Kaggle's: document_id {documents.min()} is negative")
    sources = np.full(documents.max(initial=0) + 1, NO_META, dtype=np.int32)
    sources[documents] = pc.fill_null(table["source_id"], NO_SOURCE).to_numpy()
    return sources


def _read_csv(path: str, columns: dict[str, pa.DataType], block_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yields a CSV file block by block, and refuses values that are no numbers or empty."""
    try:
        reader = csv.open_csv(
            path,
            read_options=csv.ReadOptions(block_size=block_bytes),
            convert_options=csv.ConvertOptions(
                column_types=columns, include_columns=list(columns), strings_can_be_null=True
            ),
        )
        for block in reader:
            for name in columns.keys() - MAY_BE_EMPTY:
                if block[name].null_count:
                    raise ValueError(f"a {name} is empty")
            yield block
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise UserError(
            f"Cannot read {path} as Kaggle's Outbrain data: {error}. Expected CSV (unzipped, or .csv.gz) with a header "
            f"and the columns {list(columns)}"
        ) from error


def main() -> None:
    """Command line: the two files of Kaggle, and the path to write."""
    parser = argparse.ArgumentParser(description="Writes Kaggle's Outbrain page views as a Parquet event log.")
    parser.add_argument("page_views", help="page_views.csv or page_views_sample.csv, may be gzipped")
    parser.add_argument("documents_meta", help="documents_meta.csv, may be gzipped")
    parser.add_argument("out", help="the Parquet file to write")
    arguments = parser.parse_args()
    print(prepare(arguments.page_views, arguments.documents_meta, arguments.out))


if __name__ == "__main__":
    main()
