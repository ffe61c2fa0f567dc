"""The command `dspnet`. Whatever is slow to import is imported by the command that needs it."""

import argparse
import datetime
import errno
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence

from cli.arguments import make_parser
from cli.describe import describe, resolved_yaml
from pipeline.config import PipelineConfig, load_config
from pipeline.console import FAILED, StepFailedError, report_failure
from schemas.errors import UserError
from serving.history import parse_history, parse_items

INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 1 for a step that failed, 2 for what was asked wrongly."""
    arguments = make_parser().parse_args(argv)
    arguments.typed = shlex.join(["dspnet", *(sys.argv[1:] if argv is None else argv)])
    try:
        _COMMANDS[arguments.command](arguments)
    except (UserError, StepFailedError) as error:
        return report_failure(error)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        where = f" to write {error.filename}" if error.filename else ""
        print(f"\n{error.strerror}{where}. Make room, and run the same command again.", file=sys.stderr)
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
    from experiments.comparison.compare import compare

    names = None if arguments.names is None else [name.strip() for name in arguments.names.split(",")]
    print(compare(arguments.runs, names, arguments.html))


def _benchmark(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    from experiments.benchmark.benchmark import benchmark
    from experiments.benchmark.plan import Limits, read_spec
    from experiments.runs.memory import read_limit

    spec = read_spec(config, arguments.methods, arguments.seeds, arguments.targets, arguments.ablations)
    limits = Limits(read_limit(arguments.memory_gib), arguments.trials)
    benchmark(config, spec, limits, keep_models=arguments.keep_models, command=arguments.typed)


def _tune(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    from experiments.tuning import command

    command.run(config, arguments.trials, arguments.memory_gib)


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
        raise UserError(str(error)) from error
    question = Question(items, scenes, arguments.unseen or bool(exclude), exclude)
    try:
        if folder is None:
            answer = client.recommend(arguments.endpoint, question, arguments.top)
        else:
            answer = recommend(folder, question, arguments.top)
    except (client.EndpointError, UnusableModelError) as error:
        raise UserError(str(error)) from error
    print(format_table(answer))


def _check_top(top: int) -> None:
    if top < 1:
        raise UserError(f"--top: must be at least 1. Received: {top}")


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
        raise UserError(
            f"{option}: expected a date or a time (UTC unless it names a zone), as in 2024-08-01 or "
            f"2024-08-01T12:00. Received: {text!r}"
        ) from error


def _serve(arguments: argparse.Namespace) -> None:
    from serving.launch import Endpoint, ServeError, serve

    try:
        serve(Endpoint(arguments.model, arguments.name, arguments.server, arguments.rest_port, arguments.grpc_port))
    except ServeError as error:
        raise UserError(str(error)) from error


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "run": _run,
    "config": _config,
    "prepare": _prepare,
    "compare": _compare,
    "benchmark": _benchmark,
    "tune": _tune,
    "recommend": _recommend,
    "batch-recommend": _batch_recommend,
    "serve": _serve,
}


if __name__ == "__main__":
    sys.exit(main())
