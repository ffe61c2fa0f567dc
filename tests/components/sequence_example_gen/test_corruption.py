"""Corrupted logs: whatever the fault, no user's id leaves the ingest, and every line is accounted for."""

import json
import os
import random
import re

import pytest
import tensorflow as tf

from components.sequence_example_gen import parsing, readers
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import InputShard
from schemas import identity

LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
FORMS = {
    "csv": {"format": "csv"},
    "tsv": {"format": "csv", "delimiter": "tab"},
    "jsonl": {"format": "jsonl"},
}
CORRUPTIONS = 300
SPECIAL = [*(bytes([byte]) for byte in b"\"',\t\n\r\0\xff\xc3\\{"), b'""', b"\r\n", b"\xef\xbb\xbf", b"x" * 600]
HASH_USER = identity.make_user_hasher(b"a salt of the tests")


def make_log(form):
    """A log of 12 users, whose ids are their addresses, by 6 events; with a title that holds what CSV must quote."""
    rows = [
        {
            "user_id": f"private-{person}@example.com",
            "item_id": f"item-{person * event % 7}",
            "title": ['12" mix', "plain", "a, b", "two\twords", "", "naïve"][event],
            "scene_id": f"scene-{event % 2}",
            "timestamp": str(1717200000 + 86400 * event + person),
        }
        for person in range(12)
        for event in range(6)
    ]
    if form == "jsonl":
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    else:
        delimiter = "," if form == "csv" else "\t"
        for row in rows:
            row["title"] = '"{}"'.format(row["title"].replace('"', '""'))
        lines = [delimiter.join(values) for values in [rows[0], *(row.values() for row in rows)]]
    return ("\n".join(lines) + "\n").encode()


def corrupt(data, rng):
    """Returns text with one fault."""
    at = rng.randrange(len(data))
    end = min(len(data), at + rng.choice([1, 1, 5, 40, 200]))
    kind = rng.randrange(7)
    if kind == 0:  # a wrong byte
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    if kind in (1, 2):  # too much
        return data[:at] + rng.choice(SPECIAL) + data[at:]
    if kind == 3:  # too little
        return data[:at] + data[end:]
    if kind == 4:  # twice
        return data[:end] + data[at:]
    if kind == 5:  # a lost line break
        breaks = [match.start() for match in re.finditer(b"\n", data)]
        at = rng.choice(breaks) if breaks else at
        return data[:at] + data[at + 1 :]
    return data[:at] + rng.choice(SPECIAL) + data[at + 1 :]  # instead


def corrupt_parts(data, rng):
    """Returns a log with one to three faults, each in rows of its own."""
    lines = LINE.findall(data)
    parts = rng.randrange(1, 4)
    cuts = [len(lines) * part // parts for part in range(parts + 1)]
    return b"".join(corrupt(b"".join(lines[a:b]), rng) for a, b in zip(cuts, cuts[1:], strict=False))


def is_blank(line, form):
    return not (line.strip(b"\r\n") if form != "jsonl" else line.strip())


def tells_of_users(text):
    return any(part in text for part in ("private", "@exam", "ple.com"))


@pytest.mark.parametrize("newlines", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_no_fault_tells_a_user_or_loses_a_line(tmp_path, form, newlines):
    if newlines and form == "jsonl":
        pytest.skip("JSON has no line breaks in its text")
    rng, log, path = random.Random(f"{form} {newlines}"), make_log(form), tmp_path / f"log.{form}"
    source = SourceConfig(path=str(path), **FORMS[form], newlines_in_fields=newlines)
    read = refused = rejected = 0
    for _ in range(CORRUPTIONS):
        data = corrupt_parts(log, rng)
        path.write_bytes(data)
        try:
            parsed = [
                parsing.parse_events(raw, source, HASH_USER)
                for raw in readers.read_shard(InputShard(0, str(path)), source)
            ]
        except ValueError as error:
            assert isinstance(error, readers.SourceError) and not tells_of_users(str(error)), str(error)
            refused += 1
            continue
        read += 1
        for batch in parsed:
            written = [*batch.items["id"].to_pylist(), *batch.scenes["id"].to_pylist()]
            written += [value for column in ("reason", "detail") for value in batch.rejects[column].to_pylist()]
            assert not any(map(tells_of_users, written)), data
        kept, bad = (sum(map(len, found)) for found in ([p.events for p in parsed], [p.rejects for p in parsed]))
        assert kept + bad == sum(batch.rows_in for batch in parsed)
        rejected += bad
        lines = LINE.findall(data)
        blank = sum(is_blank(line, form) for line in lines)
        if not newlines:
            assert len(lines) == kept + bad + blank + (form != "jsonl"), data
        numbers = sorted(row for batch in parsed for row in batch.rejects["row"].to_pylist())
        assert len(set(numbers)) == len(numbers) and all(2 - (form == "jsonl") <= row <= len(lines) for row in numbers)
    # Most faults are bad rows, and few end a run: those in a header, and quotes that are never closed.
    assert read > 0.5 * CORRUPTIONS and rejected > 0.5 * CORRUPTIONS and refused > 0 or form == "jsonl"


@pytest.mark.parametrize("form", FORMS)
def test_no_artifact_of_a_corrupted_log_tells_a_user(ingest, tmp_path, caplog, form):
    caplog.set_level("DEBUG")
    rng, log = random.Random(form), make_log(form)
    head, body = log[: log.index(b"\n") + 1], log[log.index(b"\n") + 1 :]
    for _ in range(25):
        lines = LINE.findall(body)
        at = rng.randrange(len(lines) - 4)
        body = b"".join([*lines[:at], corrupt(b"".join(lines[at : at + 4]), rng), *lines[at + 4 :]])
    path = tmp_path / f"log.{form}"
    path.write_bytes(head + body.rstrip(b'\r\n"') + b'\n"\n' * (form != "jsonl"))
    try:
        run = ingest({"path": str(path), **FORMS[form], "max_bad_share": 1.0}, {"cutoffs": ["2024-06-05"]})
    except ValueError:
        path.write_bytes(head + body.rstrip(b'\r\n"') + b"\n")
        run = ingest({"path": str(path), **FORMS[form], "max_bad_share": 1.0}, {"cutoffs": ["2024-06-05"]})
    written = [os.path.join(folder, name) for folder, _, names in os.walk(run.folder) for name in names]
    assert len(written) >= 7
    for file in written:
        data = open(file, "rb").read()
        if file.endswith(".gz"):
            data = b"".join(tf.data.TFRecordDataset(file, "GZIP").as_numpy_iterator())
        assert b"private" not in data and b"example.com" not in data, file
    assert "private" not in caplog.text and "example.com" not in caplog.text
    lines = LINE.findall(path.read_bytes())
    blank = sum(is_blank(line, form) for line in lines)
    outcomes = ("kept", "beyond_max_history", "outside_windows", "filtered_users", "rejected")
    assert len(lines) - blank - (form != "jsonl") == run.count("rows_in")
    assert run.count("rows_in") == run.count("events_in") == sum(run.count(f"events_{name}") for name in outcomes)
    assert run.count("rows_rejected") >= 10 and run.count("events_kept") > 0
