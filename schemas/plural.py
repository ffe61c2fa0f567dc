"""Counted nouns, as messages write them."""


def count_noun(number: int, noun: str) -> str:
    """Returns a number with its noun, in the plural but for one.

    >>> count_noun(1, "row"), count_noun(2000, "more row")
    ('1 row', '2,000 more rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
