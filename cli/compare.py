"""`dspnet compare`: compares finished runs with the first of them."""

import argparse

from cli.command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="a pipeline's folder (workdir/name), for its latest finished run; such a folder and @RUN_ID, for another; "
        "or the folder of an evaluation",
    )
    parser.add_argument("--names", metavar="A,B,...", help="what to call the runs (default: as they are configured)")
    parser.add_argument(
        "--html", default="comparison.html", metavar="FILE", help="the page to write (default: %(default)s)"
    )


def _run(arguments: argparse.Namespace) -> None:
    from experiments.comparison.compare import compare

    names = None if arguments.names is None else [name.strip() for name in arguments.names.split(",")]
    print(compare(arguments.runs, names, arguments.html))


COMMAND = Command(
    "compare",
    "compare finished runs, sequence by sequence",
    _add_arguments,
    _run,
    stopped="Stopped. No page was written.",
    description="Compares finished runs with the first of them, on the same test sequences.",
)
