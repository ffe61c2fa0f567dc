"""`dspnet batch-recommend`: recommends for every user of a log."""

import argparse
import datetime

from cli.command import Command, add_top, read_top
from pipeline.config import add_config_arguments, load_config
from schemas.errors import UserError


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument(
        "--model", required=True, metavar="FOLDER", help="a pushed version, or the folder of all versions"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write; must not exist, or be empty")
    parser.add_argument(
        "--as-of", metavar="TIME", help="ignore events from then on, as in 2024-08-01 (UTC; default: read all events)"
    )
    add_top(parser)
    parser.add_argument("--unseen", action="store_true", help="leave out items of the user's own events")


def _run(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    top = read_top(arguments.top)
    as_of = None if arguments.as_of is None else _read_time("--as-of", arguments.as_of)
    from pipeline import batch_runner

    batch_runner.run(config, arguments.model, arguments.out, as_of, top, arguments.unseen)


def _read_time(option: str, text: str) -> datetime.datetime:
    """Returns a time in UTC, or without a zone if the text names none."""
    try:
        time = datetime.datetime.fromisoformat(text)
        return time.astimezone(datetime.timezone.utc) if time.tzinfo else time
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"{option}: expected a date or a time (UTC unless it names a zone), as in 2024-08-01 or "
            f"2024-08-01T12:00. Received: {text!r}"
        ) from error


COMMAND = Command(
    "batch-recommend",
    "recommend for every user of a log, into Parquet files",
    _add_arguments,
    _run,
    stopped="Stopped. Nothing was written.",
)
