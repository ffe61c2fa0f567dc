"""Overrides as people type them."""

import pathlib

import pytest

from pipeline.config import PipelineConfig, load_config
from pipeline.overrides import find_kind, read_value
from schemas.dotted_keys import as_text
from schemas.errors import UserError

CONFIG = str(pathlib.Path(__file__).parents[2] / "configs" / "globo_news.yaml")


def load_source(*overrides):
    return load_config(CONFIG, ["source.path=log.csv", *(f"source.{override}" for override in overrides)]).source


@pytest.mark.parametrize(
    ("typed", "delimiter"),
    [
        *[
            (text, text)
            for text in ("|", ",", "::", ":", ";", "#", "~", "&", "*", "!", "%", "\\", " ", "\t", "- ", "null")
        ],
        *[(text, "\t") for text in ("\\t", "tab", '"\\t"', "'\\t'")],
        ("'|'", "|"),
        ('","', ","),
    ],
)
def test_a_delimiter_is_what_is_typed(typed, delimiter):
    assert load_source(f"delimiter={typed}").delimiter == delimiter


def test_text_stays_text():
    assert load_source("path=my #1: log.csv").path == "my #1: log.csv"
    assert load_source("columns.user_id=007", "columns.item_id=yes").columns.user_id == "007"
    assert load_source("header=[user_id, item_id, scene_id, timestamp, 2024, yes]").header[4:] == ("2024", "yes")
    assert load_source("header=null").header is None
    assert load_source('quote="').quote == '"' and load_source("quote=none").quote == "none"


@pytest.mark.parametrize(
    ("typed", "keep"),
    [
        ("rating=>=4", {"rating": ">=4"}),
        ("rating=>4", {"rating": ">4"}),
        ("rating=<4.5", {"rating": "<4.5"}),
        ('rating=">=4"', {"rating": ">=4"}),
        ("event_type=[buy, 4]", {"event_type": ("buy", 4)}),
        ("dt=[2024-07-01]", {"dt": ("2024-07-01",)}),
    ],
)
def test_a_filter_is_what_is_typed(typed, keep):
    assert load_source(f"keep.{typed}").keep == keep


def test_other_values_are_yaml():
    for text, kind, value in (("3", int, 3), ("true", bool, True), ("[1, 2]", tuple[int, ...], [1, 2])):
        assert read_value(text, kind) == value
    assert read_value("{a: 1}", None) == {"a": 1}
    with pytest.raises(UserError, match=r"training.epochs: not valid YAML: '\['"):
        load_config(CONFIG, ["training.epochs=["])


def test_what_is_written_by_this_project_reads_back():
    for value in ("|", ",", "'", '"', "a: b", "007", "null", "", " a", "[a]", "\t", "#", "'a'", '"a"'):
        assert read_value(as_text(value), str) == value
        assert read_value(as_text(value), str | None) == value
    assert read_value(as_text(None), str | None) is None
    assert read_value(as_text(["1", "no", None]), tuple[str, ...])[:2] == ["1", "no"]


def test_keys_are_found_in_the_configuration():
    assert find_kind(PipelineConfig, "source.delimiter") is str
    assert find_kind(PipelineConfig, "source.nothing") is None
    assert find_kind(PipelineConfig, "evaluation.thresholds.x") is float


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("delimiter=", "source.delimiter: must be text in one line"),
        ("delimiter=a\nb", "source.delimiter: must be text in one line"),
        ('delimiter="', "delimiter holds the quote that encloses fields: set quote to none, too"),
        ("encoding=utf-99", "source.encoding: must be an encoding of text that Python knows"),
        ("encoding=base64", "source.encoding: must be an encoding of text that Python knows"),
        ("header=[a, a]", "source.header: must name each column of the file, and no two alike"),
        ("quote='", "source.quote"),
    ],
)
def test_what_no_text_file_has_is_refused(override, message):
    with pytest.raises(UserError, match=message):
        load_source(override)
    with pytest.raises(UserError, match="header names the columns of CSV: with format 'jsonl', leave it out"):
        load_source("format=jsonl", "header=[a]")
