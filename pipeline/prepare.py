"""Public data sets by name: prepared on request, or on the first run that needs one."""

import importlib
import logging
import os

from components.report.config import ItemNamesConfig
from components.sequence_example_gen.config import SourceConfig
from schemas.errors import UserError

_log = logging.getLogger("dspnet")


def prepare_if_missing(source: SourceConfig) -> None:
    """Prepares `source.public_dataset` into `source.path` when nothing is there yet.

    Raises:
        UserError: if the data set cannot be had.
    """
    if source.public_dataset and not os.path.exists(source.path):
        _log.info("Preparing the public data set %s into %s (once).", source.public_dataset, source.path)
        prepare(source.public_dataset, source.path)


def prepare_names_if_missing(source: SourceConfig, items: ItemNamesConfig) -> None:
    """Prepares the item names of `source.public_dataset` into `items.path` when nothing is there yet.

    A log that was prepared before names were is kept. A table that is no Parquet file is the user's own affair.

    Raises:
        UserError: if the data set cannot be had.
    """
    if not source.public_dataset or items.path is None or not items.path.endswith(".parquet"):
        return
    if not os.path.exists(items.path):
        _log.info("Preparing the item names of %s into %s (once).", source.public_dataset, items.path)
        _call_dataset(source.public_dataset, "prepare_items", out_path=items.path)


def prepare(name: str, out_path: str, **arguments: str) -> None:
    """Prepares a public data set as an event log.

    Args:
        name: a module of `public_data`.
        out_path: the Parquet file to write.
        **arguments: further arguments of the module's `prepare`.

    Raises:
        UserError: if its files, or the package that holds them, are not there.
    """
    _call_dataset(name, "prepare", **arguments, out_path=out_path)


def _call_dataset(name: str, function: str, **arguments: str) -> None:
    os.makedirs(os.path.dirname(os.path.abspath(arguments["out_path"])), exist_ok=True)
    try:
        getattr(importlib.import_module(f"public_data.{name}"), function)(**arguments)
    except (ModuleNotFoundError, OSError) as error:
        raise UserError(f"The public data set {name} cannot be prepared: {error}") from error
