"""Questions: what a recommender is asked about a user's future.

================== ==================================================================================================
``next``           what comes next: the events at the earliest time of the future, one or several where events tie
``first_N_events`` the first N events of the future, as in ``first_5_events``, and those at the time of the last of them
``first_N_days``   the events of the N days from the cutoff on, as in ``first_7_days``
``period``         all of the future window
``prefix``         what comes next after a prefix of the history, drawn anew for each sequence and epoch
================== ==================================================================================================

A trained network has a query and biases for each of its questions, and is trained on all of them in every step. A
method that counts counts for each. `Answers` of `model.evaluation` and serving ask the one that fits.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

NEXT = "next"
PERIOD = "period"
PREFIX = "prefix"
QUESTIONS = (NEXT, PERIOD, PREFIX)
"""Those that are no windows, in the order of tables."""

ASKED = (NEXT, PERIOD)
"""What evaluation and serving ask of every model."""

SEPARATOR = "+"


class Window(NamedTuple):
    """A part of the future that is asked about, from its start.

    Attributes:
        length: how long it is.
        unit: what it is counted in.
    """

    length: int
    unit: Literal["events", "days"]


def read_window(question: str) -> Window | None:
    """Returns the window that a question asks about; None if it is ``next``, ``period`` or ``prefix``.

    Raises:
        ValueError: if it is no question.

    >>> read_window("first_7_days")
    Window(length=7, unit='days')
    """
    if question in QUESTIONS:
        return None
    found = re.fullmatch("first_([1-9][0-9]{0,8})_(events|days)", question)
    if found is None:
        raise ValueError(
            "A question is next, period or prefix, or a window as in first_5_events or first_7_days. "
            f"Received: {question!r}"
        )
    return Window(int(found[1]), cast(Literal["events", "days"], found[2]))


def ask_about_windows(questions: Sequence[str]) -> bool:
    """Returns whether some of the questions are windows."""
    return any(read_window(question) is not None for question in questions)


def choose_question(wanted: str, questions: Sequence[str]) -> str:
    """Returns which of the questions that a model can be asked answers one that is wanted.

    Args:
        wanted: ``next`` or ``period``.
        questions: what the model was made for; the first answers all that none of them is.

    >>> choose_question("period", ["next", "period"]), choose_question("period", ["prefix"])
    ('period', 'prefix')
    """
    return wanted if wanted in questions else questions[0]


def label_questions(questions: Sequence[str]) -> str:
    """Returns the questions as one word, for tables and command lines.

    >>> label_questions(["next", "period"])
    'next+period'
    """
    return SEPARATOR.join(questions)


LABELS = (NEXT, PERIOD, label_questions(ASKED), PREFIX)
"""What a method is usually trained on, in the order of tables."""


def read_label(label: str) -> list[str]:
    """Returns the questions of a label from `label_questions`."""
    return label.split(SEPARATOR)
