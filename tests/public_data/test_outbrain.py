import gzip

import pyarrow.parquet as pq
import pytest

from public_data import outbrain

PAGE_VIEWS = """uuid,document_id,timestamp,platform,geo_location,traffic_source
1fd5f051fba643,120,31905835,1,RS,2
8557aa9004be3b,120,32053104,1,VN>44,2
c351b277a358f0,7,0,1,KR>12,1
8205775c5387f9,9,44196592,1,IN>16,2
9cb0ccd8458371,5,65817371,1,US>CA>807,2
2aa611f32875c7,500,71495491,1,CA>ON,2
"""
DOCUMENTS_META = """document_id,source_id,publisher_id,publish_time
120,8164,435,2016-06-05 00:00:00
7,1,603,
9,,,
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "page_views.csv").write_text(PAGE_VIEWS)
    (tmp_path / "documents_meta.csv").write_text(DOCUMENTS_META)
    return str(tmp_path / "page_views.csv"), str(tmp_path / "documents_meta.csv"), str(tmp_path / "out" / "log.parquet")


EXPECTED = [
    {"user_id": "1fd5f051fba643", "item_id": "120", "scene_id": "8164", "timestamp": 1465908705},
    {"user_id": "8557aa9004be3b", "item_id": "120", "scene_id": "8164", "timestamp": 1465908853},
    {"user_id": "c351b277a358f0", "item_id": "7", "scene_id": "1", "timestamp": 1465876799},
]


@pytest.mark.parametrize("block_bytes", [outbrain.BLOCK_BYTES, 100])
def test_views_with_a_scene_become_events_and_the_others_are_counted(files, block_bytes):
    counts = outbrain.prepare(*files, block_bytes=block_bytes)

    assert pq.read_table(files[2]).to_pylist() == EXPECTED
    assert counts == outbrain.RowCounts(rows=6, without_meta=2, without_source=1)
    assert counts.written == 3
    assert str(counts).startswith("6 page views: 3 events written, left out 2")


def test_reads_gzip(files, tmp_path):
    (tmp_path / "page_views.csv.gz").write_bytes(gzip.compress(PAGE_VIEWS.encode()))
    outbrain.prepare(str(tmp_path / "page_views.csv.gz"), *files[1:])
    assert pq.read_table(files[2]).to_pylist() == EXPECTED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PAGE_VIEWS.replace("timestamp", "time"), "timestamp"),
        (PAGE_VIEWS.replace(",7,", ",seven,"), "seven"),
        (PAGE_VIEWS.replace(",7,", ",,"), "document_id is empty"),
        (PAGE_VIEWS.replace(",31905835,", ",,"), "timestamp is empty"),
        (PAGE_VIEWS.replace("c351b277a358f0,", ","), "uuid is empty"),
        ("PK\x03\x04", "unzipped"),
    ],
)
def test_refuses_what_is_not_kaggles_and_leaves_no_file(files, tmp_path, text, message):
    (tmp_path / "page_views.csv").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        outbrain.prepare(*files)
    assert "page_views.csv" in str(error.value)
    assert list((tmp_path / "out").iterdir()) == []
