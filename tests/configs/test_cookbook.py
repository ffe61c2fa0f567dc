"""The configurations of public logs, each on a small file in exactly the original's format."""

import csv
import gzip
import pathlib
import re

import pytest

from pipeline.check import Findings, examine
from pipeline.config import PipelineConfig, load_config
from pipeline.proposal.columns import Roles, assign_roles
from pipeline.proposal.log_files import LogFiles, look_at_files
from schemas.sequences import SPLITS
from tests.configs.originals import ITEMS, MAKERS, USERS

ROOT = pathlib.Path(__file__).parents[2]
SMALL = ["training.batch_size=4", "beam.partitions=2"]


def make_log(name: str, folder: pathlib.Path) -> pathlib.Path:
    path = MAKERS[name](folder)
    if name == "instacart":
        join_instacart(folder)
    return path


def join_instacart(folder: pathlib.Path) -> None:
    """Runs the lines of Python that docs/your-own-log.md gives."""
    text = (ROOT / "docs" / "your-own-log.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "order_products" in block]
    for name in ("orders.csv", "order_products__", "instacart.parquet"):
        assert f'"{name}' in code
        code = code.replace(f'"{name}', f'"{folder}/{name}')
    exec(code, {})


def load(name: str, path: pathlib.Path, *overrides: str) -> PipelineConfig:
    return load_config(str(ROOT / "configs" / f"{name}.yaml"), [f"source.path={path}", *SMALL, *overrides])


@pytest.fixture(params=list(MAKERS), scope="module")
def read(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Findings]:
    """Returns the name of a configuration, and what the ingest finds in its log."""
    folder = tmp_path_factory.mktemp(request.param)
    config = load(request.param, make_log(request.param, folder))
    return request.param, examine(config, str(folder / "check"))


def test_every_row_is_read_and_every_split_is_filled(read: tuple[str, Findings]) -> None:
    name, findings = read
    balance = findings.balance
    assert findings.problems == ()
    assert balance["users"] == USERS and balance["items"] == ITEMS
    assert all(balance[f"sequences_{split}"] >= 5 for split in SPLITS)
    assert balance["rows_rejected"] == (1 if name == "taobao" else 0)  # its time before 1970
    assert balance["scenes"] == {"yoochoose": 6, "h_and_m": 2}.get(name, 1)


def count_other_events(path: pathlib.Path, column: int, kept: str) -> int:
    with path.open(newline="") as file:
        return sum(row[column] != kept for row in csv.reader(file) if row[column] not in ("event",))


@pytest.mark.parametrize(("name", "column", "kept"), [("retailrocket", 2, "view"), ("taobao", 3, "pv")])
def test_one_behaviour_is_kept(name: str, column: int, kept: str, tmp_path: pathlib.Path) -> None:
    path = make_log(name, tmp_path)
    balance = examine(load(name, path), str(tmp_path / "check")).balance
    assert balance["rows_filtered"] == count_other_events(path, column, kept) > 100
    assert balance["events_in"] == balance["rows_in"]


def test_ratings_can_be_kept_by_a_comparison(tmp_path: pathlib.Path) -> None:
    path = make_log("movielens_20m", tmp_path)
    with path.open(newline="") as file:
        low = sum(float(row["rating"]) < 4 for row in csv.DictReader(file))
    balance = examine(load("movielens_20m", path, 'source.keep={rating: ">=4"}'), str(tmp_path / "check")).balance
    assert balance["rows_filtered"] == low > 100


def test_the_edition_of_amazon_reviews_of_2018_needs_what_the_comment_says(tmp_path: pathlib.Path) -> None:
    comment = (ROOT / "configs" / "amazon_reviews.yaml").read_text(encoding="utf-8")
    overrides = re.findall(r"--set (\S+)", comment.partition("name:")[0].partition("2018")[2])
    assert len(overrides) == 5
    path = tmp_path / "All_Beauty.json.gz"
    with gzip.open(path, "wt") as file:
        for user in range(USERS):
            for year in range(2012, 2019):
                second = 1_325_376_000 + (year - 2012) * 31_557_600 + user * 86_400
                file.write(
                    f'{{"overall": 5.0, "verified": true, "reviewTime": "01 1, {year}", "reviewerID": "A{user}", '
                    f'"asin": "B{(user + year) % 9}", "style": {{"Size:": " 7.0 oz"}}, "unixReviewTime": {second}}}\n'
                )
    findings = examine(load("amazon_reviews", path, *overrides), str(tmp_path / "check"))
    assert findings.problems == () and findings.balance["users"] == USERS


def test_every_configuration_says_where_the_log_is_from_and_has_a_test() -> None:
    others = {"complete_journey", "globo_news", "xmarket", "paper"}
    files = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "configs").glob("*.yaml")}
    assert set(files) - others == set(MAKERS)
    for name in MAKERS:
        assert f"name: {name}\n" in files[name] and f"configs/{name}.yaml" in files[name]
        assert re.search("Download|page of data sets", files[name])


def look(name: str, tmp_path: pathlib.Path) -> tuple[LogFiles, Roles]:
    files = look_at_files(str(make_log(name, tmp_path)))
    return files, assign_roles(files.columns, files.typed_times, files.dialect is None or files.dialect.has_header)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "diginetica"])
def test_the_columns_that_init_finds_are_those_of_the_configuration(name: str, tmp_path: pathlib.Path) -> None:
    files, roles = look(name, tmp_path)
    source = load(name, tmp_path).source
    # Where there is no header, the configuration names the columns, and init counts them.
    names = {name: f"column_{place}" for place, name in enumerate(source.header or (), 1)}
    columns = source.columns
    expected = [names.get(column, column) for column in (columns.user_id, columns.item_id, columns.timestamp)]
    assert [roles.user, roles.item, roles.time] == expected
    assert str(roles.time_format) == source.timestamp_format
    assert files.format == source.format
    if files.dialect:
        assert files.dialect.delimiter == source.delimiter and files.dialect.has_header == (source.header is None)


def test_a_user_that_is_mostly_unknown_is_none(tmp_path: pathlib.Path) -> None:
    _, roles = look("diginetica", tmp_path)
    assert (roles.user, roles.item) == ("sessionId", "itemId")
