"""Recommendations as rows of Parquet: one a user."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

RECOMMENDATIONS = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("history_length", pa.int32(), nullable=False),
        pa.field("item_ids", pa.list_(pa.string()), nullable=False),
        pa.field("item_scores", pa.list_(pa.float32()), nullable=False),
        pa.field("scene_ids", pa.list_(pa.string()), nullable=False),
        pa.field("scene_scores", pa.list_(pa.float32()), nullable=False),
    ]
)
"""The user's keyed hash as 32 hexadecimal digits, how many events were read, then raw ids and scores, best first."""

NOTHING = b""
"""The id in a place of the model's answer that nothing fills."""


def to_rows(
    users: npt.NDArray[np.bytes_], lengths: npt.NDArray[np.int64], answer: Mapping[str, Any], top: int
) -> pa.Table:
    """Joins users with what the model answered.

    Args:
        users: S32 [batch].
        lengths: int64 [batch], events that were read.
        answer: ``item_ids`` bytes [batch, k], ``item_scores`` float32 [batch, k], ``scene_ids`` and ``scene_scores``
            likewise, best first, as NumPy arrays.
        top: how many to keep.

    Returns:
        Columns as in `RECOMMENDATIONS`.
    """
    columns = [pa.array(users.tolist(), pa.binary()).cast(pa.string()), pa.array(lengths, pa.int32())]
    for kind in ("item", "scene"):
        ids, scores = answer[f"{kind}_ids"][:, :top], answer[f"{kind}_scores"][:, :top]
        filled = ids != NOTHING
        offsets = pa.array(np.concatenate([[0], np.cumsum(filled.sum(axis=1))]), pa.int32())
        # Through binary, because only the cast checks that ids are UTF-8.
        text = pa.array(ids[filled], pa.binary()).cast(pa.string())
        columns += [pa.ListArray.from_arrays(offsets, values) for values in (text, pa.array(scores[filled]))]
    return pa.Table.from_arrays(columns, schema=RECOMMENDATIONS)


def shard_name(shard: int, shards: int) -> str:
    """Returns the name of the file that holds a partition's users."""
    return f"recommendations-{shard:05d}-of-{shards:05d}.parquet"
