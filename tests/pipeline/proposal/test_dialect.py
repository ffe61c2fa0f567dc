import pytest

from pipeline.proposal.dialect import detect_dialect, detect_encoding
from schemas.errors import UserError


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "::", " "])
@pytest.mark.parametrize("has_header", [True, False])
def test_separator_and_header(delimiter: str, has_header: bool) -> None:
    lines = [delimiter.join(("user", "item", "when"))] if has_header else []
    lines += [delimiter.join((f"ann{n}", f"i{n}", str(1_700_000_000 + n))) for n in range(20)]
    dialect = detect_dialect("\n".join(lines) + "\n", "utf-8")
    assert dialect.delimiter == delimiter and dialect.has_header == has_header
    assert dialect.names == (("user", "item", "when") if has_header else ("column_1", "column_2", "column_3"))
    assert dialect.rows[0] == ("ann0", "i0", "1700000000") and len(dialect.rows) == 20


def test_a_separator_within_quotes_separates_nothing() -> None:
    lines = ["user;title;when", *(f'u{n};"one; two, three";2024-01-0{n}' for n in range(1, 9))]
    dialect = detect_dialect("\n".join(lines), "utf-8")
    assert (dialect.delimiter, dialect.quote, dialect.newlines_in_fields) == (";", '"', False)
    assert dialect.rows[0][1] == "one; two, three"


def test_quotes_that_are_text() -> None:
    lines = [
        "user,title,when",
        *(f'u{n},"12 inch mix,2024-01-{n:02d}' if n % 7 == 0 else f"u{n},a,2024-01-01" for n in range(1, 29)),
    ]
    dialect = detect_dialect("\n".join(lines) + "\n", "utf-8")
    assert dialect.quote == "none" and ("u7", '"12 inch mix', "2024-01-07") in dialect.rows


def test_fields_that_run_over_lines() -> None:
    rows = "".join(
        f'u{n},"first line\nsecond, line",2024-01-01\n' if n % 9 == 0 else f"u{n},text,2024-01-01\n"
        for n in range(1, 90)
    )
    dialect = detect_dialect("user,text,when\n" + rows, "utf-8")
    assert dialect.newlines_in_fields and dialect.quote == '"'
    assert ("u9", "first line\nsecond, line", "2024-01-01") in dialect.rows


@pytest.mark.parametrize("item", ["i", '"a, b"'])
def test_a_quote_before_very_much_text_opens_no_field_of_many_lines(item: str) -> None:
    rows = f"u,{item},2024-01-01\n" * 900 + 'u,"i,2024-01-01\n' + "u,i,2024-01-01\n" * 9000
    dialect = detect_dialect("user,item,when\n" + rows, "utf-8")
    assert not dialect.newlines_in_fields and len(dialect.names) == 3


def test_the_last_line_may_be_cut() -> None:
    dialect = detect_dialect("user,item,when\n" + "u,i,2024-01-01\n" * 9 + "u,i", "utf-8")
    assert len(dialect.rows) == 9


def test_a_header_with_a_byte_order_mark() -> None:
    assert detect_dialect("\ufeffuser,item,when\nu,i,2024-01-01\n", "utf-8").names[0] == "user"


def test_a_text_without_columns_is_refused() -> None:
    with pytest.raises(UserError, match="No separator gives 3 columns"):
        detect_dialect("Dear all,\nthis is a letter.\n" * 9, "utf-8")


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        ("Größe", "utf-8", "utf-8"),
        ("Größe", "utf-8-sig", "utf-8"),
        ("Größe", "latin-1", "latin-1"),
        ("Größe “x”", "cp1252", "cp1252"),
        ("user,item,Größe", "utf-16", "utf-16"),
        ("user,item,Größe", "utf-16-le", "utf-16-le"),
        ("user,item,Größe", "utf-16-be", "utf-16-be"),
        ("user,item,Größe", "utf-32", "utf-32"),
    ],
)
def test_encoding(text: str, codec: str, name: str) -> None:
    found, notes = detect_encoding(text.encode(codec))
    assert found == name and bool(notes) == (name in ("latin-1", "cp1252"))


def test_zeros_that_pad_a_file_are_no_letters() -> None:
    assert detect_encoding(b"user,item,when\nu,i,2024-01-01\n" + bytes(3000)) == ("utf-8", ())


def test_a_letter_may_be_cut() -> None:
    assert detect_encoding("Größe".encode()[:3]) == ("utf-8", ())
