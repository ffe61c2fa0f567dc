"""How prepared data are written: whole or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from schemas import events

EVENT_LOG_SCHEMA = pa.schema(
    [
        pa.field(events.USER_ID, pa.string(), nullable=False),
        pa.field(events.ITEM_ID, pa.string(), nullable=False),
        pa.field(events.SCENE_ID, pa.string(), nullable=False),
        pa.field(events.TIMESTAMP, pa.int64(), nullable=False),
    ]
)
"""Columns of a prepared log; times are unix seconds (UTC)."""

ITEM_NAMES_SCHEMA = pa.schema(
    [pa.field(events.ITEM_ID, pa.string(), nullable=False), pa.field("name", pa.string(), nullable=False)]
)
"""Columns of a table of item names, as `report.items` of a configuration expects them."""


def open_event_log(out_path: str) -> contextlib.AbstractContextManager[pq.ParquetWriter]:
    """Opens a writer of an event log; see `open_parquet`."""
    return open_parquet(out_path, EVENT_LOG_SCHEMA)


@contextlib.contextmanager
def open_parquet(out_path: str, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Opens a writer whose file appears at `out_path` only when all went well.

    A pipeline that finds a file there takes it for whole, so a half-written one must never have that name.

    Args:
        out_path: a path on this machine; missing folders are made.
        schema: its columns.
    """
    target = pathlib.Path(out_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        with pq.ParquetWriter(unfinished, schema) as writer:
            yield writer
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
