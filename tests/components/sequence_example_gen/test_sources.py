"""Every way a log may be written gives the same sequences; what cannot be read is refused clearly."""

import datetime
import gzip
import json

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing import util
from tfx_bsl.public.tfxio import TFExampleRecord

from components.sequence_example_gen import text_input
from components.sequence_example_gen.casting import SourceError
from tests.components.sequence_example_gen.conftest import BEAM_ARGS, user
from tests.components.sequence_example_gen.reading import read

CUT = {"cutoffs": ["2017-10-13"]}
ROWS = [
    (7, 12, "live", 1506826800),
    (7, 32, "search", 1506826801),
    (7, 3, "live", 1507852800),
    (8, 12, "live", 1507852801),
]
NAMES = ("user_id", "item_id", "scene_id", "timestamp")
EXPECTED = {user("7"): [(["12", "32"], ["3"])]}


def csv(rows=ROWS, names=NAMES, comma=","):
    return "\n".join(comma.join(map(str, row)) for row in [names, *rows]) + "\n"


def test_csv_plain_gz_glob_and_other_names(ingest, tmp_path):
    (tmp_path / "log.csv").write_text("\ufeff" + csv())
    assert ingest({"path": str(tmp_path / "log.csv")}, CUT).raw("train") == EXPECTED
    # Two members in one gzip file, as `cat a.gz b.gz` makes them.
    text = csv(names=("who", "what", "where", "when"), comma=";").encode()
    (tmp_path / "part-1.csv.gz").write_bytes(gzip.compress(text[:40]) + gzip.compress(text[40:]))
    columns = {"user_id": "who", "item_id": "what", "scene_id": "where", "timestamp": "when"}
    source = {"path": str(tmp_path / "part-*.csv.gz"), "columns": columns, "delimiter": ";"}
    assert ingest(source, CUT).raw("train") == EXPECTED


def test_csv_rows_keep_their_numbers_over_blocks(ingest, tmp_path, monkeypatch):
    monkeypatch.setattr(text_input, "READ_BYTES", 64)
    lines = [f"7,{i},live,1506826800" for i in range(50)]
    lines[10] = lines[11] = lines[40] = "short"
    lines[45] = "7,,live,1506826800"
    (tmp_path / "log.csv").write_text("\n".join([",".join(NAMES), *lines, "7,3,live,1507852800", "last"]) + "\n")
    run = ingest({"path": str(tmp_path / "log.csv"), "max_bad_share": 1.0}, {**CUT, "ties": "log"})
    rows = sorted(int(line.split(",")[1]) for line in run.rejects().splitlines()[1:])
    assert rows == [12, 13, 42, 47, 53]
    assert run.raw("train")[user("7")][0][0] == [str(i) for i in range(50) if i not in (10, 11, 40, 45)]


def test_times_as_text_and_dates(ingest, tmp_path):
    iso = [(u, i, s, datetime.datetime.fromtimestamp(t, datetime.UTC).isoformat()) for u, i, s, t in ROWS]
    (tmp_path / "iso.csv").write_text(csv(iso))
    run = ingest({"path": str(tmp_path / "iso.csv"), "timestamp_format": "iso8601"}, CUT)
    assert run.raw("train") == EXPECTED and run.sequences("train")[0]["history_timestamps"] == (1506826800, 1506826801)
    days = [(u, i, s, datetime.datetime.fromtimestamp(t, datetime.UTC).strftime("%Y%m%d")) for u, i, s, t in ROWS]
    (tmp_path / "days.csv").write_text(csv(days))
    days_log = {"path": str(tmp_path / "days.csv"), "timestamp_format": "yyyymmdd"}
    assert ingest(days_log, {**CUT, "ties": "log"}).raw("train") == EXPECTED


def test_parquet_by_row_group(ingest, tmp_path):
    columns = dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True))
    columns["timestamp"] = pa.array([row[3] * 1000 for row in ROWS]).cast(pa.timestamp("ms")).cast(pa.timestamp("ns"))
    columns["scene_id"] = pa.array(columns["scene_id"]).dictionary_encode()
    columns["item_id"] = [12, 32, 3, None]
    pq.write_table(pa.table({"extra": [0] * 4, **columns}), tmp_path / "log.parquet", row_group_size=2)
    run = ingest({"path": str(tmp_path), "format": "parquet", "max_bad_share": 0.5}, CUT)
    assert run.raw("train") == EXPECTED
    assert ',4,"missing_field"' in run.rejects()


@pytest.mark.parametrize("zipped", [False, True])
def test_jsonl(ingest, tmp_path, monkeypatch, zipped):
    monkeypatch.setattr(text_input, "READ_BYTES", 50)
    lines = [json.dumps(dict(zip(NAMES, row, strict=True))).encode() for row in ROWS]
    bad = [
        b"",
        b"{",
        b"[1]",
        b'{"user_id": "\xff"}',
        b'{"user_id": 1.5, "item_id": 1, "scene_id": 2, "timestamp": 3}',
        b"{}",
    ]
    data = b"\n".join([*lines[:2], *bad, *lines[2:]])
    name = "log.jsonl.gz" if zipped else "log.jsonl"
    (tmp_path / name).write_bytes(gzip.compress(data) if zipped else data)
    run = ingest({"path": str(tmp_path / name), "format": "jsonl", "max_bad_share": 1.0}, CUT)
    assert run.raw("train") == EXPECTED
    found = sorted(tuple(line.split(",")[1:3]) for line in run.rejects().splitlines()[1:])
    reasons = ["malformed_record", "malformed_record", "invalid_utf8", "wrong_type", "missing_field"]
    assert found == [(str(row), f'"{reason}"') for row, reason in enumerate(reasons, 4)]
    assert run.count("events_in") == 9


def test_tfds(ingest, tmp_path, monkeypatch):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    class DspnetTinyLog(tfds.core.GeneratorBasedBuilder):
        """A log of four rows."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            kinds = {
                "user_id": tf.int64,
                "item_id": tf.string,
                "scene_id": tf.string,
                "timestamp": tf.int64,
                "x": tf.int64,
            }
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(kinds))

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for key, row in enumerate(ROWS):
                yield key, {**dict(zip(NAMES, row, strict=True)), "item_id": str(row[1]), "x": 0}

    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tfds"))
    run = ingest({"path": "dspnet_tiny_log", "format": "tfds"}, CUT)
    assert run.raw("train") == EXPECTED
    with pytest.raises(ValueError, match="No TensorFlow data set 'dspnet_tiny_log' with split 'nope'"):
        ingest({"path": "dspnet_tiny_log", "format": "tfds", "tfds_split": "nope"}, CUT)
    with pytest.raises(ValueError, match="has no column 'shop'"):
        ingest({"path": "dspnet_tiny_log", "format": "tfds", "columns": {"scene_id": "shop"}}, CUT)


def test_what_cannot_be_read_is_refused(ingest, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "log.csv").write_text(csv())
    (tmp_path / "void.csv").write_text("")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(csv().encode() * 50)[:-20])
    (tmp_path / "false.csv.gz").write_text(csv())
    (tmp_path / "false.parquet").write_text(csv())
    cases = [
        ({"path": str(tmp_path / "nowhere.csv")}, "nowhere.csv' is no file; expected a csv file.*Check the path"),
        ({"path": str(tmp_path / "empty")}, "is an empty folder"),
        ({"path": str(tmp_path / "no-*.csv")}, "is no file"),
        (
            {"path": str(tmp_path / "log.csv"), "columns": {"item_id": "sku"}},
            "log.csv has no column 'sku'; found .*item_id",
        ),
        ({"path": str(tmp_path / "void.csv")}, "void.csv is empty; expected CSV with a header"),
        ({"path": str(tmp_path / "cut.csv.gz")}, "cut.csv.gz cannot be read; expected gzip compressed csv"),
        (
            {"path": str(tmp_path / "false.csv.gz")},
            "false.csv.gz is not compressed; expected csv compressed as its ending .gz says",
        ),
        (
            {"path": str(tmp_path / "false.parquet"), "format": "parquet"},
            "false.parquet cannot be read; expected parquet",
        ),
    ]
    for source, message in cases:
        with pytest.raises(ValueError, match=message):
            ingest(source, CUT)


def test_a_column_that_is_there_twice_is_refused(ingest, tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id,scene_id,timestamp,item_id\n1,2,3,4,5\n")
    pq.write_table(pa.Table.from_arrays([pa.array([1])] * 5, [*NAMES, "item_id"]), tmp_path / "log.parquet")
    for form in ("csv", "parquet"):
        with pytest.raises(ValueError, match=f"log.{form} has 2 columns named 'item_id'; rename all but one"):
            ingest({"path": str(tmp_path / f"log.{form}"), "format": form}, CUT)


def test_a_log_without_a_header_is_refused_without_quoting_it(ingest, tmp_path):
    (tmp_path / "log.csv").write_text("private-ann,a,s,1\n")
    with pytest.raises(ValueError, match="has no column 'user_id', .*is the header missing") as error:
        ingest({"path": str(tmp_path / "log.csv")}, CUT)
    assert "private" not in str(error.value)


def test_a_log_of_a_header_alone_is_refused(ingest, tmp_path):
    (tmp_path / "log.csv").write_text(csv([]))
    with pytest.raises(ValueError, match=r"log.csv holds no events\."):
        ingest({"path": str(tmp_path / "log.csv")}, CUT)


def test_blank_lines_are_neither_rows_nor_bad(ingest, tmp_path):
    (tmp_path / "log.csv").write_text(csv().replace("\n8,", "\n\n8,") + "\nshort\n\n")
    run = ingest({"path": str(tmp_path / "log.csv"), "max_bad_share": 1.0}, CUT)
    assert run.raw("train") == EXPECTED and run.count("rows_in") == 5
    assert ',8,"wrong_column_count"' in run.rejects()


def test_tfx_reads_the_shards(ingest, tmp_path):
    """As StatisticsGen does: by glob, as gzipped TFRecords of tf.Example, empty splits included."""
    (tmp_path / "log.csv").write_text(csv())
    run = ingest({"path": str(tmp_path / "log.csv")}, CUT)
    with beam.Pipeline(argv=list(BEAM_ARGS)) as pipeline:
        for split, rows in (("train", 1), ("val", 0), ("test", 0)):
            source = TFExampleRecord(f"{run.examples.uri}/Split-{split}/*", telemetry_descriptors=["test"])
            counts = (
                pipeline
                | f"Read{split}" >> source.BeamSource()
                | f"Rows{split}" >> beam.Map(lambda batch: batch.num_rows)
            )
            total = counts | f"Sum{split}" >> beam.CombineGlobally(sum)
            util.assert_that(total, util.equal_to([rows]), label=split)


def test_a_row_taken_for_the_header_is_not_shown(tmp_path):
    data = b"user_id,ann@example.com,i3,1717200000,my scene\nu,v,w,x,y\n"
    with pytest.raises(SourceError) as error:
        read(tmp_path / "log.csv", data)
    assert "found ['user_id', '...', 'i3', '...', 'my scene']" in str(error.value) and "ann" not in str(error.value)
