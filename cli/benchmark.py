"""`dspnet benchmark`: trains and measures methods on the same splits."""

import argparse

from cli.command import Command
from pipeline.config import add_config_arguments, load_config


def _add_arguments(parser: argparse.ArgumentParser) -> None:
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
        help="next, period, next+period, first_5_events, first_7_days, prefix: what each method is trained on "
        "(default: training.questions)",
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
    parser.add_argument("--keep-models", action="store_true", help="keep the models of the runs, beside their results")


def _run(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    from experiments.benchmark.benchmark import benchmark
    from experiments.benchmark.plan import Limits, read_spec
    from pipeline.memory import read_limit

    spec = read_spec(config, arguments.methods, arguments.seeds, arguments.targets, arguments.ablations)
    limits = Limits(read_limit(arguments.memory_gib), arguments.trials)
    benchmark(config, spec, limits, keep_models=arguments.keep_models, command=arguments.typed)


COMMAND = Command(
    "benchmark",
    "train and measure all methods on the same splits, as the tables of the paper",
    _add_arguments,
    _run,
    stopped="Stopped. The same command resumes: finished runs are kept.",
    description="Trains and measures methods on the same splits, each in a process of its own, and writes the tables "
    "of the paper. What is finished is kept: the same command resumes.",
)
