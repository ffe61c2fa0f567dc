"""What is pushed, under which number, and when nothing is."""

import dataclasses
import json
import logging
import os
import pathlib

import numpy as np
import pyarrow.parquet as pq
import pytest
from tfx.types import standard_artifacts

from components import artifacts
from components.pusher import executor
from components.pusher.executor import Executor, choose_version, compute_digest, find_newest_version
from components.report.config import ItemNamesConfig
from schemas.catalogue import Catalogue, write_catalogue
from schemas.served_model import ITEM_NAMES_FILE

NOW = 1_700_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [float(NOW)]
    monkeypatch.setattr(executor.time, "time", lambda: now[0])
    return now


@dataclasses.dataclass
class World:
    folder: pathlib.Path

    @property
    def base(self) -> pathlib.Path:
        return self.folder / "serving"

    def export(self, name: str, weights: bytes = b"weights") -> None:
        """Writes what stands for a model."""
        for file, content in {
            "saved_model.pb": b"graph",
            "variables/variables.index": b"index",
            "variables/variables.data-00000-of-00001": weights,
            "assets.extra/tf_serving_warmup_requests": b"warm",
        }.items():
            path = self.folder / name / "Format-Serving" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def push(
        self, name: str = "model", items: ItemNamesConfig | None = None, blessed: int = 1, infra_blessed: int = 1
    ) -> standard_artifacts.PushedModel:
        pushed = artifact_of(standard_artifacts.PushedModel, self.folder / f"pushed {len(list(self.folder.iterdir()))}")
        blessing = artifact_of(standard_artifacts.ModelBlessing, self.folder / "blessing")
        blessing.set_int_custom_property("blessed", blessed)
        infra_blessing = artifact_of(standard_artifacts.InfraBlessing, self.folder / "infra_blessing")
        infra_blessing.set_string_custom_property("blessing_status", "BLESSED")
        infra_blessing.set_int_custom_property("blessed", infra_blessed)
        inputs = {
            "model": [artifact_of(standard_artifacts.Model, self.folder / name)],
            "model_blessing": [blessing],
            "infra_blessing": [infra_blessing],
            "catalogue": [artifact_of(artifacts.Catalogue, self.folder / "catalogue")],
        }
        properties = {
            "push_destination": json.dumps({"filesystem": {"base_directory": str(self.base)}}),
            "items": (items or ItemNamesConfig()).model_dump_json(),
        }
        Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
        return pushed

    def versions(self) -> list[str]:
        return sorted(os.listdir(self.base)) if self.base.exists() else []

    def write_names(self, *rows: str) -> ItemNamesConfig:
        path = self.folder / "names.csv"
        path.write_text("\n".join(["item_id,name", *rows]) + "\n")
        return ItemNamesConfig(path=str(path))


def artifact_of(kind, folder: pathlib.Path):
    folder.mkdir(parents=True, exist_ok=True)
    artifact = kind()
    artifact.uri = str(folder)
    return artifact


def properties_of(pushed: standard_artifacts.PushedModel) -> tuple[int, str, str]:
    return (
        pushed.get_int_custom_property("pushed"),
        pushed.get_string_custom_property("pushed_destination"),
        pushed.get_string_custom_property("pushed_version"),
    )


def read_names(folder: pathlib.Path | str) -> list[tuple[str, str]]:
    table = pq.read_table(pathlib.Path(folder) / ITEM_NAMES_FILE)
    assert table.schema.names == ["id", "name"]
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.fixture
def world(tmp_path: pathlib.Path, clock: list[float]) -> World:
    world = World(tmp_path)
    world.export("model")
    (tmp_path / "catalogue").mkdir()
    count = np.ones(3, np.int64)
    ids = np.array(["milk", "7", "bread"], object)
    write_catalogue(Catalogue(np.arange(1, 4), ids, count, count), str(tmp_path / "catalogue" / "items.parquet"))
    return world


def test_a_blessed_model_is_pushed_whole(world: World) -> None:
    pushed = world.push()
    assert world.versions() == [str(NOW)]
    assert properties_of(pushed) == (1, str(world.base / str(NOW)), str(NOW))
    same = compute_digest(str(world.folder / "model" / "Format-Serving"))
    assert compute_digest(str(world.base / str(NOW))) == compute_digest(pushed.uri) == same


@pytest.mark.parametrize("refused", ["blessed", "infra_blessed"])
def test_a_refused_model_is_not_pushed(world: World, refused: str) -> None:
    pushed = world.push(**{refused: 0})
    assert world.versions() == [] and pushed.get_int_custom_property("pushed") == 0


def test_the_same_model_is_pushed_once(world: World, clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    world.push()
    clock[0] += 60
    with caplog.at_level(logging.INFO, "dspnet"):
        again = world.push()
    assert world.versions() == [str(NOW)]
    assert properties_of(again) == (1, str(world.base / str(NOW)), str(NOW))
    assert (pathlib.Path(again.uri) / "saved_model.pb").exists()
    assert caplog.messages == [f"already pushed as version {NOW}"]


def test_other_weights_are_another_version(world: World, clock: list[float]) -> None:
    world.push()
    clock[0] += 60
    world.export("other", weights=b"WEIGHTS")
    world.push("other")
    assert world.versions() == [str(NOW), str(NOW + 60)]


def test_a_model_that_was_followed_by_another_is_pushed_again(world: World, clock: list[float]) -> None:
    world.export("other", weights=b"WEIGHTS")
    for name in ("model", "other", "model"):
        world.push(name)
        clock[0] += 60
    assert len(world.versions()) == 3


def test_a_version_never_falls_below_the_newest(world: World, clock: list[float]) -> None:
    world.push()
    clock[0] -= 3600
    world.export("other", weights=b"WEIGHTS")
    assert properties_of(world.push("other"))[2] == str(NOW + 1)


def test_two_models_of_one_second_are_two_versions(world: World) -> None:
    world.push()
    world.export("other", weights=b"WEIGHTS")
    world.push("other")
    assert world.versions() == [str(NOW), str(NOW + 1)]


def test_a_push_that_was_killed_is_no_version(world: World) -> None:
    (world.base / str(NOW + 5) / "variables").mkdir(parents=True)
    assert find_newest_version(str(world.base)) is None
    assert properties_of(world.push())[2] == str(NOW + 6)


def test_what_is_no_number_is_no_version(tmp_path: pathlib.Path) -> None:
    for name in ("latest", "12", "٣", "9" * 30):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    assert find_newest_version(str(tmp_path)) == 12 and choose_version(str(tmp_path), 7.9) == 13
    assert find_newest_version(str(tmp_path / "nowhere")) is None and choose_version(str(tmp_path / "no"), 7.9) == 7


def test_names_of_the_catalogues_items_go_along(world: World) -> None:
    pushed = world.push(items=world.write_names("7,Seven Up", "unknown,Nothing", "milk,Milk 2%", "bread,"))
    assert read_names(world.base / str(NOW)) == read_names(pushed.uri) == [("milk", "Milk 2%"), ("7", "Seven Up")]


def test_other_names_are_another_version_and_other_rows_are_not(world: World, clock: list[float]) -> None:
    for rows in (["milk,Milk"], ["milk,Milk", "unknown,Nothing"], ["milk,Whole milk"]):
        world.push(items=world.write_names(*rows))
        clock[0] += 60
    assert world.versions() == [str(NOW), str(NOW + 120)]
    assert read_names(world.base / str(NOW + 120)) == [("milk", "Whole milk")]


def test_no_table_and_no_name_write_no_file(world: World) -> None:
    world.push()
    world.push(items=world.write_names("unknown,Nothing"))
    assert world.versions() == [str(NOW)] and not (world.base / str(NOW) / ITEM_NAMES_FILE).exists()


def test_a_table_that_cannot_be_read_keeps_no_model_back(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.push(items=ItemNamesConfig(path=str(world.folder / "gone.csv")))
    assert world.versions() == [str(NOW)] and "without names" in caplog.text and "gone.csv" in caplog.text
