"""`dspnet check` on small logs."""

import glob
import pathlib
import re
import sys

import pandas as pd
import pytest
import yaml

from cli import main
from model.retrieval import scann
from pipeline.check import examine, find_setting_problems, read_first_rejects
from pipeline.config import parse_config

DAY = 86_400
HEADER = "user_id,item_id,scene_id,timestamp\n"


def write_log(folder: pathlib.Path, users: int = 40, bad: str = "") -> str:
    """Writes a log in which each user has an event a day for eight days; items of the last days are new."""
    rows = [
        f"secret-{user},{'new' if day >= 6 else 'item'}{(user + day) % 5},s{day % 2},{day * DAY + user}"
        for user in range(users)
        for day in range(8)
    ]
    path = folder / "log.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n" + bad)
    return str(path)


def configure(path: str, **sections: object) -> dict:
    values: dict = {
        "name": "small",
        "demo": True,
        "source": {"path": path},
        "windows": {"cutoffs": ["1970-01-05"]},
        "training": {"batch_size": 8},
        "beam": {"partitions": 2},
    }
    return {**values, **sections}


def check(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture, values: dict, *options: str) -> tuple[int, str, str]:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    code = main.main(["check", "--config", str(path), *options])
    shown = capfd.readouterr()
    return code, shown.out, shown.err


def test_a_good_configuration(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    code, out, err = check(tmp_path, capfd, configure(write_log(tmp_path)))
    assert (code, err) == (0, "")
    assert "320 read, 0 (0.00%) rejected" in out and "40 users, 10 items, 2 scenes" in out
    assert "between 1970-01-01 00:00:00 and 1970-01-08 00:00:39 (UTC)" in out
    assert "320 events in = 320 kept" in out
    assert re.search(r"sequences +\d+ train, \d+ val, \d+ test", out)
    assert "Nothing here would stop `dspnet run`." in out


def test_an_empty_test_split_is_told_with_what_to_do(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    values = configure(write_log(tmp_path), split={"weights": {"train": 9, "val": 1, "test": 0}})
    code, out, err = check(tmp_path, capfd, values)
    assert code == 1 and "0 test" in out
    assert "check failed: 1 problem would stop `dspnet run`" in err and "The test split has 0 sequences" in err


def test_all_problems_are_told_at_once(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DSPNET_SALT", raising=False)
    values = configure(write_log(tmp_path, bad=",x,s,5\n" * 30), demo=False, training={"batch_size": 64})
    values["report"] = {"items": {"path": str(tmp_path / "names.csv"), "id": "id", "name": "name"}}
    code, out, err = check(tmp_path, capfd, values)
    assert code == 1 and "problems would stop" in err
    assert "DSPNET_SALT" in err and "names.csv" in err
    assert "30 of 350 rows are bad" in err and "fewer than one batch of 64" in err
    assert "350 read" in out


def test_an_index_that_cannot_be_built_is_told_in_the_words_of_the_trainer(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scann", None)  # Python takes None for a module that cannot be imported.
    values = configure(write_log(tmp_path))
    assert find_setting_problems(parse_config(values, "test")) == []
    values["serving"] = {"retrieval": "scann"}
    assert find_setting_problems(parse_config(values, "test")) == [scann.MISSING_PACKAGE]


def test_the_first_rejects_are_told_in_words_and_without_users(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture
) -> None:
    bad = "secret-x,,s,5\nsecret-x,i,s,soon\nsecret-x,i\nsecret-x,i,s,\n"
    values = configure(write_log(tmp_path, bad=bad))
    code, out, err = check(tmp_path, capfd, values, "--set", "source.max_bad_share=0.1")
    lines = [line for line in out.splitlines() if "Rejected:" in line]
    assert code == 0 and len(lines) == 3
    assert "log.csv, line 322:" in lines[0] and "empty" in lines[0]
    assert "secret" not in out + err


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_one_number_in_two_spellings_is_a_warning(tmp_path: pathlib.Path, form: str) -> None:
    rows = [
        (user, item, "s", day * DAY)
        for user in range(40)
        for day in range(8)
        for item in ((5, "5.0") if form == "jsonl" else ("5", "5.00"))
    ]
    frame = pd.DataFrame(rows, columns=HEADER.strip().split(","))
    path = str(tmp_path / f"log.{form}")
    frame.to_csv(path, index=False) if form == "csv" else frame.to_json(path, orient="records", lines=True)
    values = configure(path)
    values["source"]["format"] = form
    findings = examine(parse_config(values, "test"), str(tmp_path / "check"))
    assert findings.balance["items"] == 2
    (warning,) = (warning for warning in findings.warnings if "two ways" in warning)
    assert "Column 'item_id' holds one number in two ways" in warning and "Beware: Column 'item_id'" in str(findings)


def test_targets_outside_the_catalogue_are_counted(tmp_path: pathlib.Path) -> None:
    # The train cutoff's futures end where the items become new; the test cutoff's begin there.
    windows = {"cutoffs": ["1970-01-03", "1970-01-05", "1970-01-07"]}
    config = parse_config(configure(write_log(tmp_path), windows=windows, split={"by": "time"}), "test")
    coverage = examine(config, str(tmp_path / "check")).coverage
    assert (coverage["val"].targets, coverage["val"].outside) == (80, 0)
    assert (coverage["test"].targets, coverage["test"].outside_share) == (80, 1.0)


def test_a_log_whose_times_are_read_wrongly_shows_its_dates(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture
) -> None:
    rows = [f"u{user},i,s,202407{day:02d}" for user in range(9) for day in (1, 2)]
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    code, _, err = check(tmp_path, capfd, configure(str(path), windows={"cutoffs": ["2024-07-02"]}))
    assert code == 1
    assert "The log's events lie between 1970-08-23" in err and "unix_s" in err


def test_a_log_that_is_not_there(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    code, _, err = check(tmp_path, capfd, configure(str(tmp_path / "nowhere.csv")))
    assert code == 2 and "nowhere.csv" in err and "Traceback" not in err


def test_nothing_is_left_behind(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    before = set(glob.glob("/tmp/dspnet-check-*"))
    values = {**configure(write_log(tmp_path)), "workdir": str(tmp_path / "runs")}
    assert check(tmp_path, capfd, values)[0] == 0
    assert set(glob.glob("/tmp/dspnet-check-*")) == before and not (tmp_path / "runs").exists()


def test_rejects_are_read_in_the_order_of_files_and_rows(tmp_path: pathlib.Path) -> None:
    for name, rows in (("b", (5, 1)), ("a", (7,))):
        lines = "".join(f'"{name}.csv",{row},"missing_field","column item: empty"\n' for row in rows)
        (tmp_path / f"rejects-{name}.csv").write_text('"file","row","reason","detail"\n' + lines)
    assert [(row.file, row.row) for row in read_first_rejects(str(tmp_path), 2)] == [("a.csv", 7), ("b.csv", 1)]
