import pytest

from pipeline.proposal.time_format import detect_time_format


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["881250949", "891717742"], "unix_s"),
        (["1433221332.0", "1.4332213e9"], "unix_s"),
        (["1433221332117"], "unix_ms"),
        (["1433221332117123"], "unix_us"),
        (["20240701", "20240731"], "yyyymmdd"),
        (["2024-07-01"], "iso8601"),
        (["2014-04-07T10:51:09.277Z", "2024-07-01 12:00:00+02:00"], "iso8601"),
        (["31/12/2024 23:59"], "%d/%m/%Y %H:%M"),
        (["12/31/2024 23:59"], "%m/%d/%Y %H:%M"),
        (["31.12.2024"], "%d.%m.%Y"),
        (["06/01/2024 01:00:00 PM", "06/14/2024 12:00:00 AM"], "%m/%d/%Y %I:%M:%S %p"),
        (["14/06/2024 01:00:00 pm"], "%d/%m/%Y %I:%M:%S %p"),
        (["6/14/2024 1:05 PM"], "%m/%d/%Y %I:%M %p"),
        (["2024-06-14 01:05:00 PM"], "%Y-%m-%d %I:%M:%S %p"),
        (["10 26, 2013"], "%m %d, %Y"),
        (["Wed Aug 27 13:08:45 +0000 2008"], "%a %b %d %H:%M:%S %z %Y"),
    ],
)
def test_format(values: list[str], expected: str) -> None:
    assert str(detect_time_format(["", *values])) == expected


@pytest.mark.parametrize(
    "values", [[], [""], ["1", "2"], ["20241301"], ["123456789012345678"], ["milk"], ["4.5"], ["00012345"]]
)
def test_what_is_no_time(values: list[str]) -> None:
    assert detect_time_format(values) is None


def test_days_and_months_that_cannot_be_told_apart() -> None:
    found = detect_time_format(["01/02/2024", "03/04/2024"])
    assert found is not None and (found.pattern, found.alternative) == ("%d/%m/%Y", "%m/%d/%Y")
    found = detect_time_format(["01/02/2024", "03/14/2024"])
    assert found is not None and (found.pattern, found.alternative) == ("%m/%d/%Y", None)


def test_a_few_bad_values_are_allowed() -> None:
    assert str(detect_time_format(["2024-07-01"] * 99 + ["soon"])) == "iso8601"
    assert detect_time_format(["2024-07-01"] * 9 + ["soon"]) is None
