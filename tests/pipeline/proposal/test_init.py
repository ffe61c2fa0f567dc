"""`dspnet init` on small logs, and `dspnet check` on what it wrote: it must run as it is."""

import gzip
import json
import pathlib
import random
import re
from collections.abc import Callable

import pandas as pd
import pytest

from cli import main
from pipeline.config import load_config
from pipeline.proposal.init import make_name

DAY = 86_400
START = 1_720_000_000
USERS, DAYS = 150, 60

Row = tuple[str, str, str, int]


def compress_gzip(data: bytes) -> bytes:
    """Returns the same bytes at any time, because they become part of the names of tests."""
    return gzip.compress(data, mtime=0)


def make_rows() -> list[Row]:
    rng = random.Random(0)
    return [
        (f"ann{user}@example.org", f"item {rng.randrange(30)}", rng.choice(["home", "search", "cart"]), START + second)
        for user in range(USERS)
        for second in sorted(rng.sample(range(DAYS * DAY), 25))
    ]


ROWS = make_rows()


def write_csv(folder: pathlib.Path) -> pathlib.Path:
    lines = ["user,item,where,time", *(",".join(map(str, row)) for row in ROWS)]
    (folder / "Clicks 2024.csv").write_text("\n".join(lines) + "\n")
    return folder / "Clicks 2024.csv"


def write_headless_tabs(folder: pathlib.Path) -> pathlib.Path:
    (folder / "log.tsv").write_text("".join(f"{u}\t{i}\t{t}\n" for u, i, _, t in ROWS))
    return folder / "log.tsv"


def write_double_colons(folder: pathlib.Path) -> pathlib.Path:
    (folder / "log.dat").write_text("".join(f"{u}::{i}::{t}\n" for u, i, _, t in ROWS))
    return folder / "log.dat"


def write_latin(folder: pathlib.Path) -> pathlib.Path:
    lines = [
        "user;item;Größe;when",
        *(f"{u};{i} – é;M;{pd.Timestamp(t, unit='s'):%d.%m.%Y %H:%M}" for u, i, _, t in ROWS),
    ]
    (folder / "log.csv.gz").write_bytes(compress_gzip("\r\n".join(lines).encode("cp1252")))
    return folder / "log.csv.gz"


def write_json(folder: pathlib.Path) -> pathlib.Path:
    with (folder / "log.jsonl").open("w") as file:
        for user, item, scene, time in ROWS:
            file.write(
                json.dumps({"tags": [], "ts": time * 1000, "page": scene, "product_id": item, "user": user}) + "\n"
            )
    return folder / "log.jsonl"


def write_parquet(folder: pathlib.Path) -> pathlib.Path:
    frame = pd.DataFrame(ROWS, columns=["user_id", "item_id", "scene_id", "at"])
    frame["at"] = pd.to_datetime(frame["at"], unit="s")
    frame.to_parquet(folder / "log.parquet")
    return folder / "log.parquet"


def write_hive(folder: pathlib.Path) -> pathlib.Path:
    frame = pd.DataFrame(ROWS, columns=["user_id", "item_id", "scene_id", "timestamp"])
    frame.to_parquet(folder / "hive", partition_cols=["scene_id"])
    (folder / "hive" / "_SUCCESS").touch()
    return folder / "hive"


def write_quotes(folder: pathlib.Path) -> pathlib.Path:
    lines = [
        "user,title,item,time",
        *(f"{u},{chr(34) * (n % 9 == 0)}12 inch mix {n},{i},{t}" for n, (u, i, _, t) in enumerate(ROWS)),
    ]
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    return folder / "log.csv"


KINDS: list[tuple[Callable[[pathlib.Path], pathlib.Path], dict[str, object], int]] = [
    (write_csv, {"format": "csv", "timestamp_format": "unix_s"}, 3),
    (write_headless_tabs, {"delimiter": "\t", "header": ("column_1", "column_2", "column_3")}, 1),
    (write_double_colons, {"delimiter": "::", "header": ("column_1", "column_2", "column_3")}, 1),
    (write_latin, {"delimiter": ";", "encoding": "cp1252", "time_pattern": "%d.%m.%Y %H:%M"}, 1),
    (write_json, {"format": "jsonl", "timestamp_format": "unix_ms"}, 3),
    (write_parquet, {"format": "parquet"}, 3),
    (write_hive, {"format": "parquet"}, 3),
    (write_quotes, {"quote": "none"}, 1),
]


@pytest.mark.parametrize(("write", "expected", "scenes"), KINDS, ids=[write.__name__ for write, _, _ in KINDS])
def test_what_is_proposed_runs_as_it_is(
    write: Callable[[pathlib.Path], pathlib.Path],
    expected: dict[str, object],
    scenes: int,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
) -> None:
    monkeypatch.setenv("DSPNET_SALT", "a long secret of this test")
    out = tmp_path / "proposed.yaml"
    assert main.main(["init", str(write(tmp_path)), "--out", str(out)]) == 0
    shown = capfd.readouterr()
    assert f"{len(ROWS):,} read, 0 bad" in shown.out and f"{USERS}, with 25.0 events each" in shown.out
    config = load_config(str(out))
    assert {name: getattr(config.source, name) for name in expected} == expected
    assert config.evaluation.thresholds == {}
    assert main.main(["check", "--config", str(out)]) == 0
    checked = capfd.readouterr()
    assert f"{USERS} users, 30 items, {scenes} scene" in checked.out
    assert "0 (0.00%) rejected" in checked.out
    # Users stay out of everything that is shown or written.
    for text in (shown.out, shown.err, checked.out, checked.err, out.read_text()):
        assert "@example" not in text


def test_a_file_that_is_there_is_not_written_over(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clicks_2024.yaml").write_text("mine")
    assert main.main(["init", str(write_csv(tmp_path))]) == 2
    assert (tmp_path / "clicks_2024.yaml").read_text() == "mine"
    assert "is there already" in capfd.readouterr().err


def test_it_says_what_to_do_next(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DSPNET_SALT", raising=False)
    assert main.main(["init", write_csv(tmp_path).name]) == 0
    out = capfd.readouterr().out
    assert "Wrote clicks_2024.yaml" in out and "export DSPNET_SALT=" in out
    assert "check --config clicks_2024.yaml" in out and "run --config clicks_2024.yaml" in out
    assert "warning" not in out.lower()


def test_bad_rows_are_told_and_allowed_for(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    path = write_csv(tmp_path)
    with path.open("a") as file:
        file.write("ann,,home,5\n" * 100)
    assert main.main(["init", str(path), "--out", str(tmp_path / "proposed.yaml")]) == 0
    assert "2.6% of the rows are bad (100 missing_field, column item: empty)" in capfd.readouterr().out
    assert load_config(str(tmp_path / "proposed.yaml")).source.max_bad_share == 0.04


@pytest.mark.parametrize("line", ["x" * 200_000, "x" * 3_000_000, '"' + "x" * 200_000, "x" * 200_000 + ",i,home,1"])
@pytest.mark.parametrize("place", [1, 500])
def test_an_overlong_line_is_one_bad_row(
    line: str, place: int, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture
) -> None:
    lines = write_csv(tmp_path).read_text().splitlines()
    (tmp_path / "log.csv").write_text("\n".join([*lines[:place], line, *lines[place:]]) + "\n")
    assert main.main(["init", str(tmp_path / "log.csv"), "--out", str(tmp_path / "proposed.yaml")]) == 0
    assert f"{len(ROWS) + 1:,} read, 1 bad" in capfd.readouterr().out


def test_bad_rows_beyond_a_few_are_not_allowed_for_and_their_file_is_named(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture
) -> None:
    log = tmp_path / "log"
    log.mkdir()
    _, _, content = write_csv(tmp_path).read_text().partition("\n")  # a header would be refused right away
    (log / "a.csv").write_text(content)
    (log / "b.csv").write_text(content.replace(",", ";"))
    assert main.main(["init", str(log), "--out", str(tmp_path / "proposed.yaml")]) == 0
    shown = capfd.readouterr().out
    assert "50.0% of the rows are bad" in shown and "stays at 1%" in shown
    assert f"Bad are most rows of {log}/b.csv: " in shown and "a.csv" not in shown
    assert load_config(str(tmp_path / "proposed.yaml")).source.max_bad_share == 0.01


@pytest.mark.parametrize("name", ["null", "yes", "no", "on", "true", "12", "1e5", "nan"])
def test_names_that_mean_something_in_yaml(name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path).rename(tmp_path / f"{name}.csv")
    assert main.main(["init", f"{name}.csv"]) == 0
    made = make_name(f"{name}.csv")
    assert load_config(f"{made}.yaml").name == made


@pytest.mark.parametrize("column", ["null", "on", "12", "a, b", "a}", "[x", "a: b", "# a", "'a\""])
def test_columns_that_mean_something_in_yaml(column: str, tmp_path: pathlib.Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["user", column, "scene", "time"])
    frame.to_parquet(tmp_path / "log.parquet")
    assert main.main(["init", str(tmp_path / "log.parquet"), "--out", str(tmp_path / "proposed.yaml")]) == 0
    assert load_config(str(tmp_path / "proposed.yaml")).source.columns.item_id == column


def test_a_log_of_one_user(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    rows = "".join(f"ann,i{n % 9},{START + n * DAY}\n" for n in range(60))
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + rows)
    assert main.main(["init", str(tmp_path / "log.csv"), "--out", str(tmp_path / "proposed.yaml")]) == 0
    assert "user user_id, item item_id" in capfd.readouterr().out


def test_events_without_a_scene_are_kept(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    path = write_csv(tmp_path)
    with path.open("a") as file:
        file.write(f"ann,item 1,,{START}\n" * 100)
    assert main.main(["init", str(path), "--out", str(tmp_path / "proposed.yaml")]) == 0
    assert "Events without a scene (100) get the scene 'unknown'" in capfd.readouterr().out
    assert load_config(str(tmp_path / "proposed.yaml")).source.missing_scene == "unknown"


def test_one_number_in_two_spellings_is_told(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    rows = "".join(f"u{n % 20},{n % 9}{'.0' * (n % 2)},{START + n * DAY}\n" for n in range(400))
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + rows)
    assert main.main(["init", str(tmp_path / "log.csv"), "--out", str(tmp_path / "proposed.yaml")]) == 0
    assert "Column 'item_id' holds one number in two ways" in capfd.readouterr().out


def test_a_tiny_log_gets_a_proposal_too(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSPNET_SALT", "a long secret of this test")
    rows = [f"u{user},i{(user + n) % 5},s,{START + user * 1000 + n * DAY}" for user in range(6) for n in range(5)]
    (tmp_path / "tiny.csv").write_text("user,item,scene,time\n" + "\n".join(rows) + "\n")
    out = str(tmp_path / "tiny.yaml")
    assert main.main(["init", str(tmp_path / "tiny.csv"), "--out", out]) == 0
    assert main.main(["check", "--config", out]) == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.json", b'[{"user": 1}]', "JSON array"),
        ("log.csv", b"PK\x03\x04rest", "is a ZIP archive; expected CSV, JSON Lines or Parquet: unpack it"),
        ("log.csv", b"Rar!\x1a\x07\x01\0rest", "is a RAR archive; expected CSV"),
        ("log.csv", b"ORC\n\x0b\0\x03rest", "is an ORC file; expected CSV"),
        ("log.csv", compress_gzip(b"user,item,time\n"), "is gzip data; .* let its name end with .gz"),
        ("log.csv.gz", b"user,item,time\n", "is not compressed; expected .* as its ending .gz says"),
        ("log.csv.gz", compress_gzip(b"PK\x03\x04rest"), "is a ZIP archive; expected CSV"),
        (
            "log.csv.gz",
            compress_gzip(compress_gzip(b"user,item,time\n")),
            "is compressed twice.* gzip -dc .* > NEW_FILE.gz",
        ),
        ("log.csv", b"", "is empty"),
        ("log.csv", b"user,item,time\n", "no rows"),
        ("log.txt", b"user_id: 1\nhistory_item_ids: 1,2\n", "already cut"),
        ("log.csv", b"user,item,price\n" + b"u,i,2.5\n" * 9, "No column holds times"),
        ("log.csv", b"x" * 2_000_000, "the first line is longer than"),
        ("log.csv.gz", compress_gzip(b"x" * 2_000_000), "the first line is longer than"),
        ("log.csv.gz", compress_gzip(bytes(2_000_000)), "is binary data; expected CSV"),
        ("log.json", b'{\n  "user": 1\n}\n', "none of its first lines is a JSON object"),
    ],
)
def test_what_is_no_log_is_refused_in_words(
    name: str, content: bytes, message: str, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main.main(["init", str(tmp_path / name), "--out", str(tmp_path / "out.yaml")]) == 2
    shown = capfd.readouterr()
    assert re.search(message, shown.err) and "Traceback" not in shown.err
    assert not (tmp_path / "out.yaml").exists()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ml-100k/u.data", "u"),
        ("/logs/2024-07.csv.GZ", "log_2024-07"),
        ("shop/*.parquet", "shop"),
        ("Événements.csv", "v_nements"),
    ],
)
def test_name(path: str, name: str) -> None:
    assert make_name(path) == name
