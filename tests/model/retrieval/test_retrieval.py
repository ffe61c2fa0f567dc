"""How a model finds items is written beside it; ScaNN as a choice, measured against the exact ranking."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from model.config import ServingConfig
from model.data.batches import fingerprint_batches
from model.export.saved_model import describe_retrieval, export
from model.retrieval import scann as scann_top_k
from schemas.identity import fingerprints
from schemas.served_model import EXACT, RetrievalDescription
from serving.saved_model import ask_signature, load_saved_model, read_retrieval
from tests import served_model
from tests.sequence_data import Sequence, no_times, planted, write_examples

ITEMS = 2000
pytestmark = pytest.mark.slow


def many_items():
    """Sequences over enough items for an index to be trained on."""
    events = [(f"item{i}", f"scene{i % 3}") for i in range(ITEMS)]
    # Of different lengths, as real histories are.
    return [
        Sequence(events[start + start // 10 % 7 : start + 10], events[start : start + 10])
        for start in range(0, ITEMS, 10)
    ]


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    return fingerprint_batches([write_examples(tmp_path_factory.mktemp("val") / "data.gz", many_items()[:50])], 3)


def test_a_description_reads_as_it_is_written():
    how = RetrievalDescription("scann", 0.1, 50, {10: 0.98, 100: 0.9})
    written = {"method": "scann", "scann_search_share": 0.1, "queries": 50, "recall@10": 0.98, "recall@100": 0.9}
    assert how.to_json() == written and RetrievalDescription.from_json(written) == how
    assert str(how) == "method scann, scann_search_share 0.1, queries 50, recall@10 0.98, recall@100 0.9"


def scann(share=1.0, **options):
    pytest.importorskip("scann", reason="there is no ScaNN for this TensorFlow")
    config = ServingConfig(retrieval="scann", scann_search_share=share)
    return served_model.build(many_items(), serve=config, **options), config


def test_the_exact_index_is_called_exact(tmp_path, batches):
    served = served_model.build(planted(20, seed=0))
    how = describe_retrieval(served.module, ServingConfig(), batches)
    assert how == EXACT == read_retrieval(str(tmp_path)) and how.to_json() == {"method": "exact"}
    assert read_retrieval(served_model.export(served, tmp_path / "1")) == how


def request(batch):
    """What a model is asked about a batch."""
    times = (tf.maximum(batch[name] - 1, 0) for name in ("history_times", "cutoff"))
    return batch["history_items"], batch["history_scenes"], *times


@pytest.mark.parametrize("prior", [True, False])
def test_scann_is_measured_against_the_exact_ranking(batches, prior):
    served, config = scann(popularity_prior=prior, scene_head=False)
    how = describe_retrieval(served.module, config, batches)
    assert (how.method, how.queries) == ("scann", 50)
    hits = []
    for answer in served.module.answers.values():
        shared = []
        for batch in batches:
            queries = answer.queries(*request(batch))
            exact, found = (find(queries, 100).columns.numpy() for find in (answer.exact_items, answer.find_items))
            shared += [len(set(a[:10]) & set(b[:10])) / 10 for a, b in zip(exact, found, strict=True)]
        hits.append(np.mean(shared))
    assert how.recalls[10] == pytest.approx(min(hits)) and how.recalls[10] > 0.9
    # The index alone: where it cannot fill all places, the exact search would answer for it.
    less, _ = scann(share=0.05, popularity_prior=prior, scene_head=False)
    answer = less.module.answers["next"]
    index, queries = answer.find_items, answer.queries(*request(batch))
    scores, columns = (x.numpy() for x in index._index.layer(index._with_biases(queries), k=100))
    exact = answer.exact_items(queries, 100).columns.numpy()
    found = [len(set(a) & set(b[s > -np.inf])) / 100 for a, b, s in zip(exact, columns, scores, strict=True)]
    assert np.mean(found) < how.recalls[100]


def test_a_scann_model_is_loaded_with_its_operations(tmp_path, batches):
    served, config = scann()
    folder, how = str(tmp_path / "1"), describe_retrieval(served.module, config, batches)
    export(served.module, folder, "planted", how)
    assert read_retrieval(folder) == how
    loaded = load_saved_model(folder)
    history = tf.constant([["item3", "item4"]]), tf.constant([["scene0", "scene1"]])
    in_memory = served.module.recommend(*history)
    inputs = {"history_item_ids": history[0], "history_scene_ids": history[1]}
    for name, value in ask_signature(loaded, "serving_default", inputs).items():
        np.testing.assert_array_equal(value, in_memory[name])
    excluded = {"exclude_item_ids": tf.constant([["item5"] * 500])}
    answer = ask_signature(loaded, "recommend_unseen", {**inputs, **excluded})
    ids = set(answer["item_ids"].numpy()[0]) - {b""}
    assert len(ids) > 50 and not ids & {b"item3", b"item4", b"item5"}
    assert np.isfinite(answer["item_scores"]).all()
    allowed = {"allow_item_ids": tf.constant([["item5", "item900", "item3"]])}
    answer = ask_signature(loaded, "rank_allowed", {**inputs, **allowed})
    found = dict(zip(answer["item_ids"].numpy()[0].tolist(), answer["item_scores"].numpy()[0].tolist(), strict=True))
    prints = [tf.constant([fingerprints(row)]) for row in (["item3", "item4"], ["scene0", "scene1"])]
    scores = dict(zip(loaded.item_ids.numpy(), loaded.answers["next"].score(*prints, *no_times(1))[0][0], strict=True))
    assert found == pytest.approx({raw: float(scores[raw]) for raw in (b"item5", b"item900", b"item3")}, abs=1e-4)


def test_what_rises_in_a_scene_is_found_beside_the_index(batches):
    """The scene head is in no index, and lifts items that the index alone would not bring."""
    served, config = scann()
    assert describe_retrieval(served.module, config, batches).recalls[10] > 0.9


@pytest.mark.parametrize(("k", "share"), [(100, 1.0), (401, 1.0), (ITEMS, 0.001)])
def test_what_an_index_cannot_fill_is_searched_exactly(k, share):
    """Beyond 400 candidates it never gives more, and one leaf holds too few."""
    served, _ = scann(share=share)
    unknown = tf.constant([fingerprints(["?"])])
    answer = served.module.answers["next"]
    query = answer.queries(unknown, unknown, *no_times(1))
    found, exact = (find(query, k) for find in (answer.find_items, answer.exact_items))
    assert len(set(found.columns.numpy()[0])) == k
    if k > 400:
        np.testing.assert_array_equal(found.columns, exact.columns)


def test_items_never_run_out_while_pages_are_turned():
    served, _ = scann()
    unknown, seen = tf.constant([["?"]]), []
    for _ in range(6):
        page = served.module.recommend_unseen(unknown, unknown, tf.constant([seen or [""]]))["item_ids"].numpy()[0]
        assert b"" not in page and not set(page) & set(seen)
        seen += page.tolist()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scann", None)
    with pytest.raises(ImportError, match=r'pip install "dspnet\[scann\]".*retrieval=exact'):
        scann_top_k.load_operations()
