import logging
import os
import pathlib
import shutil
import threading

import pytest
import tensorflow as tf

from serving.development import versions as versions_module
from serving.development.model import LoadedModel, load_model
from serving.development.refusals import Reason, RefusalError
from serving.development.versions import NoVersionError, Versions, VersionState
from serving.saved_model import UnusableModelError, needs_scann
from serving.version_folders import find_versions
from tests.serving.echo import copy_slowly, eventually, histories, save_echo


def _push(base: pathlib.Path, version: int | str, content: str = "good") -> None:
    folder = base / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_text(content)


class _Loader:
    """Loads a folder when its file says "good"."""

    def __init__(self) -> None:
        self.tried: list[int] = []

    def __call__(self, folder: str, version: int) -> LoadedModel:
        self.tried.append(version)
        content = (pathlib.Path(folder) / "saved_model.pb").read_text()
        if content != "good":
            raise ValueError(f"{content}\nand a long trace")
        return LoadedModel(version, {}, 0.0, None)


@pytest.fixture
def loader() -> _Loader:
    return _Loader()


@pytest.fixture
def versions(tmp_path: pathlib.Path, loader: _Loader) -> Versions:
    return Versions("m", str(tmp_path), loader)


def _served(versions: Versions) -> int | None:
    return versions.current.version if versions.current else None


def test_versions_are_numbers_with_a_model(tmp_path: pathlib.Path) -> None:
    for name in ("9", "10", "007", "old", "²", "-3", str(2**63), "1.5"):
        _push(tmp_path, name)
    (tmp_path / "11").mkdir()
    assert sorted(find_versions(str(tmp_path))) == [7, 9, 10]
    assert find_versions(str(tmp_path / "nowhere")) == {}


def test_the_newest_is_served_and_only_it(tmp_path: pathlib.Path, versions: Versions, loader: _Loader) -> None:
    _push(tmp_path, 9)
    _push(tmp_path, 10)
    versions.poll()
    versions.poll()
    assert _served(versions) == 10 and loader.tried == [10]
    assert versions.select("m") is versions.select("m", 10) is versions.current
    for name, version in (("m", 9), ("other", None), ("m", 0)):
        with pytest.raises(RefusalError, match="Servable not found") as caught:
            versions.select(name, version)
        assert caught.value.reason is Reason.NOT_FOUND


def test_a_request_keeps_the_version_it_began_with(tmp_path: pathlib.Path, versions: Versions) -> None:
    _push(tmp_path, 1)
    versions.poll()
    held = versions.select("m")
    _push(tmp_path, 2)
    versions.poll()
    assert held.version == 1 and _served(versions) == 2
    assert versions.states == {1: VersionState("END"), 2: VersionState("AVAILABLE")}


def test_a_broken_version_is_warned_about_once_and_tried_when_it_changes(
    tmp_path: pathlib.Path, versions: Versions, loader: _Loader, caplog: pytest.LogCaptureFixture
) -> None:
    _push(tmp_path, 1)
    versions.poll()
    _push(tmp_path, 2, "broken")
    for _ in range(3):
        versions.poll()
    assert loader.tried == [1, 2] and _served(versions) == 1
    assert versions.states[2] == VersionState("END", "ValueError: broken")
    _push(tmp_path, 2, "still broken")
    versions.poll()
    assert loader.tried == [1, 2, 2]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "Version 2 cannot be served" in caplog.text and "long trace" not in caplog.text
    _push(tmp_path, 2)
    versions.poll()
    assert _served(versions) == 2


def test_a_version_that_cannot_be_loaded_is_tried_again_after_a_while(
    tmp_path: pathlib.Path, versions: Versions, loader: _Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    _push(tmp_path, 1, "broken")
    versions.poll()
    monkeypatch.setattr(versions_module, "RETRY_SECONDS", 0.0)
    versions.poll()
    assert loader.tried == [1, 1]


def test_files_that_change_while_they_are_loaded(tmp_path: pathlib.Path) -> None:
    def load(folder: str, version: int) -> LoadedModel:
        if not (tmp_path / "1" / "late").exists():
            (tmp_path / "1" / "late").touch()
        return LoadedModel(version, {}, 0.0, None)

    _push(tmp_path, 1)
    versions = Versions("m", str(tmp_path), load)
    versions.poll()
    assert _served(versions) is None and "still being copied" in versions.states[1].error
    versions.poll()
    assert _served(versions) == 1


def test_folders_that_vanish(tmp_path: pathlib.Path, versions: Versions) -> None:
    _push(tmp_path, 1)
    _push(tmp_path, 2)
    versions.poll()
    shutil.rmtree(tmp_path / "2")
    versions.poll()
    assert _served(versions) == 1  # taken back, as TensorFlow Serving does
    shutil.rmtree(tmp_path)
    versions.poll()
    assert _served(versions) == 1


def test_starting_on_an_older_version_when_the_newest_is_broken(tmp_path: pathlib.Path, versions: Versions) -> None:
    _push(tmp_path, 1)
    _push(tmp_path, 2, "broken")
    assert versions.start().version == 1
    versions.stop()


def test_nothing_to_start_with(tmp_path: pathlib.Path, versions: Versions) -> None:
    with pytest.raises(NoVersionError, match="holds none"):
        versions.start()
    _push(tmp_path, 1, "broken")
    with pytest.raises(NoVersionError, match="version 1: ValueError: broken"):
        versions.start()


def test_the_watch_outlives_errors(
    tmp_path: pathlib.Path, loader: _Loader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _push(tmp_path, 1)
    versions, failed = Versions("m", str(tmp_path), loader, poll_seconds=0.01), threading.Event()

    def look(base: str) -> dict[int, str]:
        if failed.is_set():
            return find_versions(base)
        failed.set()
        raise PermissionError("not for you")

    versions.start()
    monkeypatch.setattr(versions_module, "find_versions", look)
    _push(tmp_path, 2)
    eventually(lambda: _served(versions) == 2, "version 2 is served")
    versions.stop()
    assert "not for you" in caplog.text


def test_a_real_version_copied_file_by_file(tmp_path: pathlib.Path, echo_versions: pathlib.Path) -> None:
    base = tmp_path / "echo"
    shutil.copytree(echo_versions / "1", base / "1")
    versions = Versions("echo", str(base), poll_seconds=0.01)
    model = versions.start()
    assert model.load_seconds > 0 and set(model.signatures) == {"serving_default", "serving_examples", "numbers", "raw"}
    copy_slowly(echo_versions / "2", base / "2")
    eventually(lambda: _served(versions) == 2, "version 2 is served")
    versions.stop()
    asked = {name: tensor.numpy() for name, tensor in histories("a").items()}
    assert model.get_signature("").run(asked)["item_scores"].tolist() == [
        [1.0]
    ]  # the old one still answers who holds it


def test_a_version_that_fails_its_warm_up_is_not_served(tmp_path: pathlib.Path) -> None:
    uneven = {"history_item_ids": tf.constant([["a"], ["b"]]), "history_scene_ids": tf.constant([["s"]])}
    folder = save_echo(tmp_path, 3, uneven)
    with pytest.raises(
        ValueError, match="tf_serving_warmup_requests: request 1 was not answered: .*same number of rows"
    ):
        load_model(str(folder), 3)


def test_scann_is_imported_for_models_that_need_it(
    tmp_path: pathlib.Path, echo_versions: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "1"
    shutil.copytree(echo_versions / "1", folder)
    note = folder / "assets.extra" / "retrieval.json"
    for content in ('{"method": "exact"}', "{", "[]"):
        note.write_text(content)
        assert not needs_scann(str(folder))
    note.write_text('{"method": "scann"}')
    monkeypatch.setitem(__import__("sys").modules, "scann", None)
    with pytest.raises(UnusableModelError, match=r'pip install "dspnet\[scann\]"'):
        load_model(str(folder), 1)
    assert os.path.exists(folder)
