"""The summary of a log: merged in any order, and its problems in words."""

import itertools

from components.sequence_example_gen.column_types import TWO_SPELLINGS, describe_two_spellings, find_type_conflicts
from components.sequence_example_gen.summary import Problem, Summary, describe_problems, merge

PARTS = (
    Summary(counts={"rows_in": 2, "users": 1}, rejected={("a", "x"): 1}, times=(5, 9)),
    Summary(counts={"rows_in": 3}, rejected={("a", "x"): 2, ("a", "y"): 1}, id_types={("c", "text"): "2.csv"}),
    Summary(times=(3, 4), problems=frozenset({Problem("1.csv", " is bad")}), id_types={("c", "text"): "1.csv"}),
)
WHOLE = Summary(
    counts={"rows_in": 5, "users": 1},
    rejected={("a", "x"): 3, ("a", "y"): 1},
    times=(3, 9),
    problems=frozenset({Problem("1.csv", " is bad")}),
    id_types={("c", "text"): "1.csv"},
)


def test_parts_are_merged_in_any_order_and_grouping():
    for one, two, three in itertools.permutations(PARTS):
        assert merge([one, two, three]) == merge([merge([one, two]), three, merge([])]) == WHOLE


def test_json_keeps_all():
    for summary in (*PARTS, WHOLE, Summary()):
        assert Summary.from_json(summary.to_json()) == summary


def test_files_with_one_problem_are_told_in_one_sentence():
    problems = [Problem(f"log/{day:02}.csv", f", line {day:,}: a quote") for day in range(1, 42)]
    problems += [Problem("log/b.csv", " is empty."), Problem("", "Items 1 and 2"), Problem("", "Items 3 and 4")]
    problems += [Problem("log/c.csv", " is old."), Problem("log/d.csv", " is old.")]
    assert describe_problems(reversed(problems)) == [
        "Items 1 and 2",
        "Items 3 and 4",
        "log/01.csv, line 1: a quote The same holds for 40 more files.",
        "log/b.csv is empty.",
        "log/c.csv is old. The same holds for 1 more file.",
    ]


def test_only_some_kinds_of_problems_are_told():
    kinds = [Problem(f"{letter}.csv", f" {letter}") for letter in "abcdefghijklmn"]
    told = describe_problems(kinds)
    assert len(told) == 11 and told[-1] == "There are 4 more problems of other kinds."


def test_numbers_in_two_spellings_are_a_warning_and_no_conflict():
    types = {("item_id", TWO_SPELLINGS): "a.csv", ("item_id", "text such as 5"): "b.csv", ("user_id", "text"): "a.csv"}
    assert find_type_conflicts(types) == []
    (sentence,) = describe_two_spellings(types)
    assert sentence.startswith("Column 'item_id' holds one number in two ways in a.csv, such as 5 and 5.0: ")


def test_types_that_would_make_two_ids_of_one():
    assert find_type_conflicts({("item_id", "text"): "a", ("user_id", "whole numbers"): "b"}) == []
    assert find_type_conflicts({("item_id", "text"): "a", ("item_id", "text such as 5"): "a"}) == []
    (sentence,) = find_type_conflicts({("item_id", "whole numbers"): "a.parquet", ("item_id", "text"): "b.parquet"})
    assert sentence.startswith("Column 'item_id' holds text in b.parquet and whole numbers in a.parquet: ")
    (sentence,) = find_type_conflicts({("i", "text such as 5"): "a.csv", ("i", "text such as 5.0"): "b.csv"})
    assert sentence.startswith("Column 'i' holds text such as 5 in a.csv and text such as 5.0 in b.csv: ")
