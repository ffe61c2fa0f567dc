import dataclasses
import json
import pathlib

import numpy as np
import pytest

from components.report.data_statistics import (
    MOST_BINS,
    SceneLists,
    SequenceStatistics,
    count_lengths,
    measure_sequences,
    read_scenes,
)
from tests.sequence_data import Sequence, catalogues, planted, write_examples


def one(*scenes: str, future: int = 1) -> Sequence:
    events = [("item", scene) for scene in scenes]
    return Sequence(events[:-future], events[-future:])


def measure(folder: pathlib.Path, data: list[Sequence], batches=None) -> dict:
    write_examples(folder / "train" / "data.gz", data)
    return as_json(measure_sequences(batches or read_scenes(str(folder / "train" / "*.gz")), catalogues(data)[1]))


def as_json(measured: SequenceStatistics) -> dict:
    written = json.dumps({**dataclasses.asdict(measured), "sampled_sequences": measured.sampled_sequences})
    return json.loads(written)


def test_by_hand(tmp_path) -> None:
    """Steps: a a, a b | b a | a a, a a, a b. The border between two sequences is no step."""
    result = measure(tmp_path, [one("a", "a", "b"), one("b", "a"), one("a", "a", "a", "b", future=3)])
    assert result["lengths"] == {"edges": [1, 2, 3, 4, 5], "sequences": [0, 1, 1, 1], "sampled": 3}
    assert result["scene_shares"] == [{"scene": "a", "share": 6 / 9}, {"scene": "b", "share": 3 / 9}]
    assert result["switches"] == {"scenes": ["a", "b"], "share": [[3 / 5, 2 / 5], [1, 0]], "switching": 3 / 6}
    assert result["sampled_sequences"] == 3


def test_one_scene(tmp_path) -> None:
    result = measure(tmp_path, [one("a", "a"), one("a", "a", "a")])
    assert result["scene_shares"] == [{"scene": "a", "share": 1.0}]
    assert result["switches"] == {"scenes": ["a"], "share": [[1.0]], "switching": 0.0}


def test_rare_scenes_stand_together(tmp_path) -> None:
    """Scenes 0 to 9 are visited 14, 13, ... 5 times, scenes 10 and 11 3 times and once."""
    data = [one(*[f"scene{scene}"] * (14 - scene)) for scene in range(10)]
    data += [one("scene10", "scene10"), one("scene11", "scene10")]
    result = measure(tmp_path, data)
    shares = result["scene_shares"]
    assert [row["scene"] for row in shares] == [*(f"scene{scene}" for scene in range(10)), "(other)"]
    assert shares[0]["share"] == 14 / 99 and shares[-1]["share"] == 4 / 99
    assert sum(row["share"] for row in shares) == pytest.approx(1)
    switches = result["switches"]
    assert switches["scenes"] == [*(f"scene{scene}" for scene in range(8)), "(other)"]
    assert switches["share"] == np.eye(9).tolist()
    # Of scene 11 to scene 10: both are other, and yet the scene changes.
    assert switches["switching"] == 1 / 87


def test_batches_add_up(tmp_path) -> None:
    data = planted(50, seed=3)
    whole = measure(tmp_path, data)
    (batch,) = read_scenes(str(tmp_path / "train" / "*.gz"))
    cut = int(batch.lengths[:20].sum())
    halves = [
        SceneLists(batch.fingerprints[:cut], batch.lengths[:20]),
        SceneLists(batch.fingerprints[cut:], batch.lengths[20:]),
    ]
    assert measure(tmp_path, data, halves) == whole


def test_nothing_to_measure(tmp_path) -> None:
    result = as_json(measure_sequences(read_scenes(str(tmp_path / "*.gz")), catalogues([one("a", "b")])[1]))
    assert result["lengths"] == {"edges": [1, 2], "sequences": [0], "sampled": 0}
    assert result["switches"]["share"] == [[0, 0], [0, 0]] and result["sampled_sequences"] == 0


def test_the_first_of_each_shard_are_sampled_evenly(tmp_path) -> None:
    for shard, number in enumerate((10, 3)):
        write_examples(tmp_path / f"{shard}.gz", [one(*["a"] * (2 + place + 10 * shard)) for place in range(number)])
    lengths = [
        [length for batch in read_scenes(str(tmp_path / "*.gz"), most) for length in batch.lengths] for most in (4, 20)
    ]
    assert sorted(lengths[0]) == [2, 3, 12, 13]
    assert len(lengths[1]) == 13


@pytest.mark.parametrize("longest", [1, 25, 26, 50, 51, 127, 1001, 123_456])
def test_bins_hold_every_length(longest) -> None:
    lengths = np.array([1, longest, longest // 2 + 1])
    result = count_lengths(lengths)
    edges, counts = np.array(result.edges), list(result.sequences)
    assert len(counts) == len(edges) - 1 <= MOST_BINS
    assert np.ptp(np.diff(edges)) == 0 and edges[0] == 1 and edges[-2] <= longest < edges[-1]
    assert counts == np.histogram(lengths, edges)[0].tolist()
