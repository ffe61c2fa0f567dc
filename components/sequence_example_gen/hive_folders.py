"""Hive folders: columns that stand in the path of a file, as Spark's `partitionBy` writes them."""

import urllib.parse

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""Stands for a missing value."""


def read_folder_columns(path: str) -> dict[str, str | None]:
    """Returns the columns that the folders of a file give to its rows.

    Args:
        path: the file, as in ``log/dt=2024-07-01/scene_id=live/part-0.parquet``.

    Returns:
        The value of each column, URL-decoded text; None where it is missing. Of equal names the innermost counts.
    """
    columns = {}
    for folder in path.split("/")[:-1]:
        name, equals, value = folder.partition("=")
        if name and equals:
            columns[urllib.parse.unquote(name)] = None if value == NO_VALUE else urllib.parse.unquote(value)
    return columns


def is_hidden(path: str) -> bool:
    """Tells whether a file or one of its folders is no part of a log: its name begins with ``.`` or ``_``.

    As for Spark, a name such as ``_day=1`` is a column all the same.

    Args:
        path: the path below the log's folder.
    """
    return any(part[:1] == "." or (part[:1] == "_" and "=" not in part) for part in path.split("/"))
