"""Reads small files as the ingest does, without Beam."""

from components.sequence_example_gen import readers
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import InputShard

NAMES = ("user_id", "item_id", "scene_id", "timestamp")
HEADER = b"user_id,item_id,scene_id,timestamp\n"


def read(path, data=None, **source):
    """Good rows [(number, values)] and bad rows [(number, reason)] of a file, both by number."""
    if data is not None:
        path.write_bytes(data)
    good, bad = [], []
    for raw in readers.read_shard(InputShard(0, str(path)), SourceConfig(path=str(path), **source)):
        columns = [raw.columns[name].to_pylist() for name in NAMES]
        good += zip(raw.rows.tolist(), zip(*columns, strict=True), strict=True)
        bad += [(row["row"], row["reason"]) for row in raw.rejects.to_pylist()]
    return sorted(good), sorted(bad)
