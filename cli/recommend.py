"""`dspnet recommend`: asks a pushed model, or an endpoint, what one user wants next."""

import argparse

from cli.command import TOP, Command, add_top, read_top
from schemas.errors import UserError


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--model", metavar="FOLDER", help="a pushed version, or the folder of all versions")
    asked.add_argument(
        "--endpoint",
        metavar="URL",
        help="where a model is served, as in http://127.0.0.1:8501/v1/models/NAME, or NAME/versions/N",
    )
    parser.add_argument(
        "--history",
        required=True,
        metavar="ITEM:SCENE,...",
        help="what the user did, oldest first; an item's id may hold a colon, a scene's may not",
    )
    text = "what stands between events, and between items (default: a comma)"
    parser.add_argument("--separator", default=",", help=text)
    parser.add_argument("--unseen", action="store_true", help="leave out items of the history")
    parser.add_argument("--exclude", metavar="ITEM,...", help="leave out these items and those of the history")
    parser.add_argument("--only", metavar="ITEM,...", help="rank these items alone, all of them unless --top says less")
    parser.add_argument("--period", action="store_true", help="also show the items of the whole future window")
    add_top(parser)


def _run(arguments: argparse.Namespace) -> None:
    from serving import client
    from serving.history import parse_history, parse_items
    from serving.recommend import recommend
    from serving.recommendations import Question
    from serving.table import format_table

    items, scenes = parse_history(arguments.history, arguments.separator)
    if arguments.only is not None and (arguments.unseen or arguments.exclude is not None):
        raise UserError("--only: names all that is ranked; leave out --unseen and --exclude")
    exclude, only = (
        [] if text is None else parse_items(option, text, arguments.separator)
        for option, text in (("--exclude", arguments.exclude), ("--only", arguments.only))
    )
    question = Question(items, scenes, arguments.unseen or bool(exclude), exclude, arguments.period, only)
    top = read_top(arguments.top, len(only) or TOP)
    if arguments.model is None:
        answer = client.recommend(arguments.endpoint, question, top)
    else:
        answer = recommend(arguments.model, question, top)
    print(format_table(answer))


COMMAND = Command("recommend", "ask a pushed model, or an endpoint", _add_arguments, _run)
