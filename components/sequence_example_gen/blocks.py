"""Blocks of events: sent to their partition as bytes, and joined there in order."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from components.sequence_example_gen.config import LOG, Ties
from components.sequence_example_gen.ties import Columns, shuffle_ties

# What is shuffled is copied several times on its way: compressing it makes the whole ingest faster, and smaller.
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


def to_bytes(batch: pa.RecordBatch) -> bytes:
    """Returns a batch as an Arrow IPC stream: portable, and free of the rest of a buffer it was sliced from."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_COMPRESSED) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def from_bytes(blocks: Iterable[bytes]) -> pa.Table:
    """Returns the rows of blocks with one schema, block after block."""
    return pa.concat_tables([pa.ipc.open_stream(block).read_all() for block in blocks])


def partition(events: pa.RecordBatch, partitions: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cuts events by user; a user's events all go to one partition, in file order.

    Args:
        events: batch with the column ``user_low``.
        partitions: number of partitions.

    Yields:
        Number and events of each partition that has any.
    """
    number = (events.column(1).to_numpy() % np.uint64(partitions)).astype(np.uint16 if partitions < 2**16 else np.int64)
    counts = np.bincount(number, minlength=partitions)
    ordered = pa.Table.from_batches([events]).take(pa.array(np.argsort(number, kind="stable")))
    ordered = ordered.combine_chunks().to_batches()[0] if len(events) else events
    starts = np.cumsum(counts) - counts
    for index in np.flatnonzero(counts):
        yield int(index), ordered.slice(starts[index], counts[index])


def join_and_sort(blocks: Iterable[tuple[int, bytes]], ties: Ties) -> Columns:
    """Joins a partition's blocks and sorts its events.

    The order is user, then record (sequence files), then history before future, then time.

    Args:
        blocks: place of each block in the log, and its events.
        ties: order of events of one user and time: ``shuffled``, a fixed pseudo-random one (`ties.shuffle_ties`), or
            ``log``, that of the sorted file paths, then of the rows in the file. Sequence files say themselves which
            event came first, so theirs is always kept.

    Returns:
        The columns as NumPy arrays [n].
    """
    table = from_bytes(block for _, block in sorted(blocks, key=lambda block: block[0]))
    columns = {name: table[name].to_numpy() for name in table.column_names}
    keys = [columns[name] for name in ("time", "is_future", "record", "user_low", "user_high") if name in columns]
    order = np.lexsort(keys)  # Stable; the last key counts most.
    events = {name: column[order] for name, column in columns.items()}
    return events if ties == LOG or "record" in events else shuffle_ties(events)
