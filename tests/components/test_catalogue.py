import collections
import pathlib
import random
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.types import artifact_utils, channel, standard_artifacts

from components import artifacts
from components.catalogue import executor as counting
from components.catalogue.component import Catalogue
from components.catalogue.executor import Executor
from schemas import catalogue, identity, sequences

BEAM_ARGS = ["--runner=FnApiRunner", "--direct_num_workers=1"]

Sequence = tuple[list[tuple[str, str]], list[tuple[str, str]]]
"""History and future; an event is an item and a scene."""


def _example(sequence: Sequence) -> bytes:
    example = tf.train.Example()
    example.features.feature[sequences.USER_ID].bytes_list.value.append(b"somebody")
    for events, names in zip(sequence, (sequences.HISTORY_FEATURES, sequences.FUTURE_FEATURES), strict=True):
        items, scenes = zip(*events, strict=True)
        for name, values in zip(names, (identity.fingerprints(items), identity.fingerprints(scenes)), strict=False):
            example.features.feature[name].int64_list.value.extend(values.tolist())
        example.features.feature[names[2]].int64_list.value.extend(range(len(events)))
    return example.SerializeToString()


def _examples(folder: pathlib.Path, splits: dict[str, list[Sequence]], shards: int = 2) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    for split, rows in splits.items():
        (folder / f"Split-{split}").mkdir(parents=True)
        for shard in range(shards):
            path = folder / f"Split-{split}" / f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz"
            with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                for row in rows[shard::shards]:
                    writer.write(_example(row))
    return artifact


def _id_map(folder: pathlib.Path, items: set[str], scenes: set[str]) -> artifacts.IdMap:
    folder.mkdir(parents=True)
    for prefix, ids in ((catalogue.ID_MAP_ITEMS_PREFIX, items), (catalogue.ID_MAP_SCENES_PREFIX, scenes)):
        for shard in range(2):
            names = sorted(ids)[shard::2]
            table = pa.table([identity.fingerprints(names), names], schema=catalogue.ID_MAP_COLUMNS)
            pq.write_table(table, folder / f"{prefix}-{shard:05d}-of-00002.parquet")
    artifact = artifacts.IdMap()
    artifact.uri = str(folder)
    return artifact


def _run(folder, monkeypatch, splits, items=None, scenes=None):
    events = [event for rows in splits.values() for row in rows for window in row for event in window]
    items = {item for item, _ in events} if items is None else items
    scenes = {scene for _, scene in events} if scenes is None else scenes
    output = artifacts.Catalogue()
    output.uri = str(folder / "catalogue")
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    executor = Executor(Executor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(folder / "beam"), unique_id="1"))
    inputs = {"examples": [_examples(folder / "examples", splits)], "id_map": [_id_map(folder / "ids", items, scenes)]}
    executor.Do(inputs, {"catalogue": [output]}, {})
    return output


def _random_rows(rng: random.Random, number: int, items: list[str]) -> list[Sequence]:
    def window():
        return [(rng.choice(items), rng.choice(["search", "live", "cart"])) for _ in range(rng.randint(1, 6))]

    return [(window(), window()) for _ in range(number)]


@pytest.fixture(scope="module")
def random_splits():
    rng = random.Random(7)
    shared = [f"item-{i}" for i in range(40)] + ["café", "商品"]
    return {
        sequences.TRAIN: _random_rows(rng, 30, shared),
        sequences.VALIDATION: _random_rows(rng, 10, shared + ["only-val"] * 20),
        sequences.TEST: _random_rows(rng, 10, shared + ["only-test"] * 20),
    }


def test_equals_a_count_row_by_row_and_leaks_nothing(tmp_path, monkeypatch, random_splits):
    output = _run(tmp_path, monkeypatch, random_splits)

    for position, name in enumerate((catalogue.ITEMS_FILE, catalogue.SCENES_FILE)):
        counts, future_counts = collections.Counter(), collections.Counter()
        for history, future in random_splits[sequences.TRAIN]:
            counts.update(event[position] for event in history + future)
            future_counts.update(event[position] for event in future)
        number = dict(zip(counts, identity.fingerprints(counts).tolist(), strict=True))
        ranked = sorted(counts, key=lambda raw_id: (-counts[raw_id], number[raw_id]))

        found = catalogue.read_catalogue(str(tmp_path / "catalogue" / name))
        assert found.ids.tolist() == ranked
        assert found.fingerprints.tolist() == [number[raw_id] for raw_id in ranked]
        assert found.counts.tolist() == [counts[raw_id] for raw_id in ranked]
        assert found.future_counts.tolist() == [future_counts[raw_id] for raw_id in ranked]
        assert not {"only-val", "only-test"} & set(found.ids)
        assert output.get_int_custom_property(name.removesuffix(".parquet")) == len(ranked)


def test_a_fingerprint_without_raw_id_is_refused(tmp_path, monkeypatch):
    splits = {sequences.TRAIN: [([("known", "search")], [("lost", "search")])]}
    with pytest.raises(ValueError, match=r"no raw id for at least 1 of the items .*run that step again") as error:
        _run(tmp_path, monkeypatch, splits, items={"known"})
    assert str(identity.fingerprints(["lost"])[0]) in str(error.value)


def test_an_empty_train_split_is_refused(tmp_path, monkeypatch, random_splits):
    with pytest.raises(ValueError, match="holds no sequences.*windows.cutoffs"):
        _run(tmp_path, monkeypatch, {**random_splits, sequences.TRAIN: []})


def test_a_train_split_without_files_is_refused(tmp_path, monkeypatch):
    examples = _examples(tmp_path / "examples", {sequences.TRAIN: []}, shards=0)
    output = artifacts.Catalogue()
    output.uri = str(tmp_path / "catalogue")
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    executor = Executor(Executor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(tmp_path), unique_id="1"))
    inputs = {"examples": [examples], "id_map": [_id_map(tmp_path / "ids", {"a"}, {"b"})]}
    with pytest.raises(ValueError, match="holds no sequences"):
        executor.Do(inputs, {"catalogue": [output]}, {})


def test_the_component_names_its_channels():
    component = Catalogue(
        examples=channel.Channel(standard_artifacts.Examples), id_map=channel.Channel(artifacts.IdMap)
    )
    assert component.id == "Catalogue"
    assert component.outputs["catalogue"].type is artifacts.Catalogue


def _lists(*lists):
    return pa.array(lists, pa.large_list(pa.int64()))


def test_counting_does_not_depend_on_how_the_data_are_cut():
    whole = counting.count(_lists([5, 2], [5]), _lists([9], [2, 2]))
    parts = [counting.count(_lists([5, 2]), _lists([9])), counting.count(_lists([5]), _lists([2, 2]))]
    merged = counting.merge(parts)

    for column, other in zip(whole, merged, strict=True):
        np.testing.assert_array_equal(column, other)
    assert [column.tolist() for column in whole] == [[2, 5, 9], [3, 2, 1], [2, 0, 1]]


def test_split_and_merge_are_inverse():
    counts = counting.count(_lists(list(range(100))), _lists([3, 4, 200]))
    parts = dict(counting.split(counts, 7))
    assert sorted(parts) == list(range(7))
    for column, other in zip(counting.merge(parts.values()), counts, strict=True):
        np.testing.assert_array_equal(column, other)


def test_ties_are_ordered_by_fingerprint_across_partitions():
    ids = np.array(["c", "a", "b"], dtype=object)
    parts = [
        catalogue.Catalogue(np.array([30]), ids[:1], np.array([2]), np.array([0])),
        catalogue.Catalogue(np.array([10, 20]), ids[1:], np.array([1, 2]), np.array([1, 1])),
    ]
    ordered = counting.join_in_order(parts)
    assert ordered.fingerprints.tolist() == [20, 30, 10]
    assert ordered.ids.tolist() == ["b", "c", "a"]
    assert ordered.future_counts.tolist() == [1, 0, 1]
