"""Runs the executor on small logs."""

import dataclasses
import glob
import os

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components import artifacts
from components.sequence_example_gen.config import IngestSettings
from components.sequence_example_gen.executor import Executor
from schemas import identity, sequences

BEAM_ARGS = ["--runner=FnApiRunner", "--direct_num_workers=1"]
SALT = "the salt of the tests"


@dataclasses.dataclass
class Ingest:
    """What one run wrote."""

    folder: str
    outputs: dict

    @property
    def examples(self):
        return self.outputs["examples"][0]

    def count(self, name):
        return self.examples.get_int_custom_property(name)

    def sequences(self, split):
        """The examples of a split in file order, each a dict of tuples; the user as bytes."""
        paths = sorted(glob.glob(f"{self.examples.uri}/Split-{split}/*"))
        assert paths, f"no shard in split {split}"
        rows = []
        for record in tf.data.TFRecordDataset(paths, compression_type="GZIP").as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            assert set(features) == set(sequences.EXAMPLE_FEATURES)
            (cutoff,) = features[sequences.CUTOFF].int64_list.value
            # Asked after the last event of the history, and not after the first that follows.
            assert max(features[sequences.HISTORY_TIMESTAMPS].int64_list.value) < cutoff
            row = {name: tuple(features[name].int64_list.value) for name in sequences.SEQUENCE_FEATURES[1:]}
            (row["user_id"],) = features["user_id"].bytes_list.value
            rows.append(row)
        return rows

    def all_sequences(self):
        """Sorted (split, features) of the whole run, to compare runs."""
        return sorted((split, tuple(sorted(r.items()))) for split in sequences.SPLITS for r in self.sequences(split))

    def raw(self, split):
        """Sequences with raw item ids: {user hash: [(history items, future items)]}."""
        names = dict(self.id_map("items"))
        result = {}
        for row in self.sequences(split):
            items = tuple([names[i] for i in row[name]] for name in ("history_item_ids", "future_item_ids"))
            result.setdefault(row["user_id"], []).append(items)
        return result

    def id_map(self, kind):
        pairs = []
        for path in sorted(glob.glob(f"{self.outputs['id_map'][0].uri}/{kind}-*.parquet")):
            pairs += [(row["fingerprint"], row["id"]) for row in pq.read_table(path).to_pylist()]
        return pairs

    def rejects(self):
        paths = sorted(glob.glob(f"{self.outputs['rejects'][0].uri}/rejects-*.csv"))
        return "".join(open(path).read() for path in paths)


def user(raw_id):
    """The user_id feature of a raw id under the tests' salt."""
    return identity.make_user_hasher(SALT.encode())(raw_id).hex().encode()


@pytest.fixture
def ingest(tmp_path, monkeypatch):
    """Returns a function that runs the executor; settings are given as nested dictionaries."""
    monkeypatch.setattr("sys.argv", ["pytest"])
    monkeypatch.setenv("DSPNET_SALT", SALT)
    runs = iter(range(100))

    def run(source, windows=None, split=None, partitions=2, demo=False):
        folder = str(tmp_path / f"run{next(runs)}")
        os.makedirs(folder)
        settings = IngestSettings.model_validate(
            {
                "source": source,
                "windows": windows or {},
                "split": split or {"weights": {"train": 1, "val": 0, "test": 0}},
                "partitions": partitions,
                "demo": demo,
            }
        )
        kinds = {"examples": standard_artifacts.Examples, "id_map": artifacts.IdMap, "rejects": artifacts.RejectedRows}
        outputs = {name: [kind()] for name, kind in kinds.items()}
        for name, (artifact,) in outputs.items():
            artifact.uri = os.path.join(folder, name)
        # A ready pipeline, for given flags instead TFX builds a package of itself at each start, for 2 seconds.
        context = Executor.Context(
            make_beam_pipeline_fn=lambda: beam.Pipeline(argv=list(BEAM_ARGS)), tmp_dir=f"{folder}/tmp", unique_id="1"
        )
        Executor(context).Do({}, outputs, {"settings": settings.model_dump_json()})
        return Ingest(folder, outputs)

    return run
