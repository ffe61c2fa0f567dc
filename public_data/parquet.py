"""How a prepared event log is written: whole or not at all."""

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


@contextlib.contextmanager
def event_log_writer(out_path: str) -> Iterator[pq.ParquetWriter]:
    """Opens a writer of `EVENT_LOG_SCHEMA` whose file appears at `out_path` only when all went well.

    A pipeline that finds a file there takes it for the whole log, so a half-written one must never have that name.

    Args:
        out_path: a path on this machine; missing folders are made.
    """
    target = pathlib.Path(out_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        with pq.ParquetWriter(unfinished, EVENT_LOG_SCHEMA) as writer:
            yield writer
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
