"""Questions: what a recommender is asked about a user's future.

========== ============================================================================================
``next``   what comes next: the events at the earliest time of the future, one or several where events tie
``period`` all of the future window
``prefix`` what comes next after a prefix of the history, drawn anew for each sequence and epoch
========== ============================================================================================

A trained network has a query and biases for each of its questions, and is trained on all of them in every step. A
method that counts counts for each. `Answers` of `model.evaluation` and serving ask the one that fits.
"""

from collections.abc import Sequence
from typing import Literal, get_args

Question = Literal["next", "period", "prefix"]
NEXT: Question = "next"
PERIOD: Question = "period"
PREFIX: Question = "prefix"
QUESTIONS: tuple[Question, ...] = (NEXT, PERIOD, PREFIX)
"""In the order of tables."""
assert set(QUESTIONS) == set(get_args(Question))

ASKED: tuple[Question, ...] = (NEXT, PERIOD)
"""What evaluation and serving ask of every model."""

SEPARATOR = "+"


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
