"""The SavedModel: signatures against a golden file, and a defined answer to whatever is asked."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from model.baselines import popularity
from model.baselines.statistical_network import StatisticalNetworks
from model.export.saved_model import export
from model.export.serving_module import ServingModule
from schemas.identity import fingerprints
from schemas.served_model import EXACT, WARMUP_FILE
from serving.saved_model import ask_signature
from tests import recommenders, served_model
from tests.sequence_data import Sequence, catalogues, no_times, planted

GOLDEN = pathlib.Path(__file__).with_name("signatures.golden.json")
LISTS = {"recommend_unseen": "exclude_item_ids", "rank_allowed": "allow_item_ids"}
"""The signatures that take a list of items, and its input."""
BY_HISTORY = ("serving_default", *LISTS, "embed_users")
LOWEST = np.finfo(np.float32).min
NORDIC = Sequence([("brød", "scene0")], [("smør", "håndkøb")])
TRAIN = [*planted(60, seed=0), NORDIC, NORDIC]


@pytest.fixture(scope="module")
def served():
    return served_model.build(TRAIN)


@pytest.fixture(scope="module")
def folder(served, tmp_path_factory):
    return served_model.export(served, tmp_path_factory.mktemp("served") / "1")


@pytest.fixture(scope="module")
def loaded(folder):
    return tf.saved_model.load(folder)


def padded(rows):
    width = max(map(len, rows), default=0)
    values = [[*row, *[""] * (width - len(row))] for row in rows]
    return tf.constant(values, tf.string, [len(rows), width])


def ask(loaded, items, scenes, signature="serving_default", **more):
    inputs = {"history_item_ids": items, "history_scene_ids": scenes, **more}
    answer = ask_signature(loaded, signature, {name: padded(rows) for name, rows in inputs.items()})
    return {name: value.numpy() for name, value in answer.items()}


def listing(signature, rows):
    """The further input of a signature that takes a list."""
    return {LISTS[signature]: rows} if signature in LISTS else {}


def expected(served, items, scenes, exclude=None, question="next", allow=None):
    """The answer from the dense scores of the network, row by row and without TensorFlow's top_k."""
    ids = {raw: place for place, raw in enumerate(served.items.ids)}
    scene_ids = {raw: place for place, raw in enumerate(served.scenes.ids)}
    answers = []
    for row, (history, where) in enumerate(zip(items, scenes, strict=True)):
        index = [ids.get(raw, len(ids)) + 1 for raw in history if raw][-served_model.MAX_HISTORY :]
        scene = [scene_ids.get(raw, len(scene_ids)) + 1 for raw in where if raw][-served_model.MAX_HISTORY :]
        scores = served.network(recommenders.history([index], [scene]), question)
        item_scores = scores.items.numpy()[0]
        order = sorted(range(len(ids)), key=lambda place: (-item_scores[place], place))
        if exclude is not None:
            order = [place for place in order if served.items.ids[place] not in {*history, *exclude[row]}]
        if allow is not None:
            order = [place for place in order if served.items.ids[place] in allow[row]]
        answers.append([(served.items.ids[place].encode(), item_scores[place]) for place in order])
    return answers


def same(answer, served, items, scenes, exclude=None, allow=None):
    """Both lists of items are the network's own."""
    for column, question in (("item", "next"), ("period_item", "period")):
        same_list(answer, column, expected(served, items, scenes, exclude, question, allow))


def same_list(answer, column, wanted):
    for ids, scores, row in zip(answer[f"{column}_ids"], answer[f"{column}_scores"], wanted, strict=True):
        assert list(ids[: len(row)]) == [raw for raw, _ in row]
        np.testing.assert_allclose(scores[: len(row)], [score for _, score in row], atol=1e-5)
        assert set(ids[len(row) :]) <= {b""} and set(scores[len(row) :]) <= {LOWEST}


HISTORIES = [["item3", "item4"], ["item1"] * 5 + ["item2", "brød", "item9"], [], ["never seen", "item0"]]
WHERE = [["scene1", "scene2"], ["scene0"] * 8, [], ["nowhere", "scene1"]]


def test_signatures_are_the_golden_ones(folder):
    """To accept a change of the contract, write `found` into the golden file, and say so in the changelog."""
    with open(f"{folder}/saved_model.pb", "rb") as file:
        graph = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs[0]
    found = {}
    for name, signature in graph.signature_def.items():
        if name.startswith("__saved_model"):
            continue
        found[name] = {
            side: {
                key: [json_format.MessageToDict(info)["dtype"], [dim.size for dim in info.tensor_shape.dim]]
                for key, info in sorted(getattr(signature, side).items())
            }
            for side in ("inputs", "outputs")
        }
    assert found == json.loads(GOLDEN.read_text())


def test_answers_are_the_networks_own(served, loaded):
    same(ask(loaded, HISTORIES, WHERE), served, HISTORIES, WHERE)


@pytest.mark.parametrize(
    ("trained", "answered"),
    [
        (("next", "first_2_events", "period"), ["next", "period"]),
        (("first_7_days", "next"), ["next", "first_7_days"]),
        (("first_2_events",), ["first_2_events"]),
    ],
)
def test_a_window_is_asked_about_only_where_it_stands_in(trained, answered):
    """For what was not trained: the first question answers."""
    assert list(served_model.build(questions=trained).module.answers) == answered


@pytest.mark.parametrize("question", served_model.QUESTIONS)
def test_is_a_ranker_whose_pieces_make_up_the_scores(loaded, question):
    histories, where = (
        tf.ragged.constant([fingerprints(row).tolist() for row in rows], tf.int64).to_tensor(-1)
        for rows in (HISTORIES, WHERE)
    )
    answer, request = loaded.answers[question], (histories, where, *no_times(len(HISTORIES)))
    whole, scenes = (scores.numpy() for scores in answer.score(*request))
    encoded = answer.encode(*request)
    size = whole.shape[1]
    pieces = [answer.item_scores(encoded["queries"], a, b).numpy() for a, b in ((0, 3), (3, size))]
    scores = np.concatenate(pieces, axis=1)
    rows, columns = (tf.constant(x) for x in np.indices(scores.shape).reshape(2, -1))
    at, rounding = answer.item_scores_at(encoded["queries"], rows, columns)
    rounding = rounding.numpy()
    assert (np.abs(at.numpy() - scores.ravel()) <= rounding).all() and (rounding < 1e-3).all()
    cells = encoded["rows"].numpy(), encoded["columns"].numpy()
    assert len(cells[0]) > 0 and (scores[cells] < encoded["scores"].numpy()).all()
    scores[cells] = encoded["scores"]
    np.testing.assert_allclose(scores, whole, atol=1e-5)
    np.testing.assert_allclose(encoded["scene_scores"], scenes, atol=1e-6)


def test_scenes_are_ranked_too(served, loaded):
    answer = ask(loaded, HISTORIES[:1], WHERE[:1])
    request = tf.constant([fingerprints(HISTORIES[0])]), tf.constant([fingerprints(WHERE[0])]), *no_times(1)
    _, scores = served.module.answers["next"].score(*request)
    order = np.argsort(-scores.numpy()[0], kind="stable")
    assert list(answer["scene_ids"][0]) == [raw.encode() for raw in served.scenes.ids[order]]
    np.testing.assert_allclose(answer["scene_scores"][0], scores.numpy()[0][order], atol=1e-5)


def test_ids_may_be_any_unicode(loaded):
    answer = ask(loaded, [["brød"]], [["håndkøb"]])
    assert {"brød".encode(), "smør".encode()} <= set(answer["item_ids"][0])
    assert "håndkøb".encode() in answer["scene_ids"][0]


def test_padding_may_stand_anywhere(loaded):
    plain = ask(loaded, [["item3", "item4"]], [["scene1", "scene2"]])
    rows = [["", "item3", "item4", ""], ["item3", "", "", "item4"], ["item3", "item4", "", ""]]
    answer = ask(loaded, rows, [["", "scene1", "scene2"]] * 3)
    for row in range(3):
        np.testing.assert_array_equal(answer["item_ids"][row], plain["item_ids"][0])
        np.testing.assert_allclose(answer["item_scores"][row], plain["item_scores"][0], atol=1e-5)
        np.testing.assert_allclose(answer["scene_scores"][row], plain["scene_scores"][0], atol=1e-5)


def test_a_long_history_is_cut_to_what_training_saw(loaded):
    kept = [f"item{i}" for i in range(served_model.MAX_HISTORY)]
    scenes = ["scene1"] * served_model.MAX_HISTORY
    long = ask(loaded, [["item9"] * 1000 + kept], [["scene0"] * 1000 + scenes])
    short = ask(loaded, [kept], [scenes])
    for name in short:
        np.testing.assert_array_equal(long[name], short[name])


def test_sequences_of_different_length_meet_at_the_latest_event(served, loaded):
    items, scenes = [["item3", "item4", "item5"]], [["scene2"]]
    same(ask(loaded, items, scenes), served, items, scenes)
    same(ask(loaded, [[]], [["scene2"]]), served, [[]], [["scene2"]])


@pytest.mark.parametrize("signature", BY_HISTORY)
def test_bytes_that_are_no_text_are_unknown_ids(loaded, signature):
    # Two requests, for rows of one batch may be multiplied by different kernels, which differ in the last digit.
    answers = []
    for raw, listed in ((b"\xff\xfe\x00", b"\xff\xfe"), ("?", b"\x80")):
        more = listing(signature, [[listed, "item2"]])
        answers.append(ask(loaded, [[raw, "item1"]], [[b"\xc3", "scene1"]], signature, **more))
    for name, value in answers[0].items():
        np.testing.assert_array_equal(value, answers[1][name])
        assert value.dtype == object or np.isfinite(value).all()


def test_an_empty_batch_has_an_empty_answer(loaded):
    for signature in BY_HISTORY:
        answer = ask(loaded, [], [], signature, **listing(signature, []))
        assert all(len(value) == 0 for value in answer.values())
    assert loaded.signatures["serving_examples"](examples=tf.constant([], tf.string))["item_ids"].shape[0] == 0


def test_rows_that_do_not_match_are_refused(loaded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="same number of rows"):
        ask(loaded, [["item1"], ["item2"]], [["scene1"]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="same number of rows"):
        ask(loaded, [["item1"]], [["scene1"]], "recommend_unseen", exclude_item_ids=[["item1"], ["item2"]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="same number of rows"):
        ask(loaded, [["item1"]], [["scene1"]], "rank_allowed", allow_item_ids=[["item1"], ["item2"]])


def test_examples_answer_as_raw_ids_do(loaded):
    def example(items, scenes):
        example = tf.train.Example()
        for name, values in (("history_item_ids", items), ("history_scene_ids", scenes)):
            example.features.feature[name].bytes_list.value.extend(value.encode() for value in values)
        return example.SerializeToString()

    examples = [*map(example, HISTORIES, WHERE), tf.train.Example().SerializeToString()]
    by_example = loaded.signatures["serving_examples"](examples=tf.constant(examples))
    raw = ask(loaded, [*HISTORIES, []], [*WHERE, []])
    for name, value in raw.items():
        np.testing.assert_array_equal(by_example[name].numpy(), value)


def test_what_is_no_example_is_refused(loaded):
    with pytest.raises(tf.errors.InvalidArgumentError):
        loaded.signatures["serving_examples"](examples=tf.constant([b"\x01\x02 not a proto"]))


def test_nothing_seen_or_excluded_comes_back(served, loaded):
    exclude = [["item5", "item5", "never seen"], [], ["smør"], []]
    answer = ask(loaded, HISTORIES, WHERE, "recommend_unseen", exclude_item_ids=exclude)
    same(answer, served, HISTORIES, WHERE, exclude)


def test_what_lies_before_the_part_that_is_read_is_left_out_too(loaded):
    history = ["item9", *(f"item{i}" for i in range(served_model.MAX_HISTORY))]
    answer = ask(loaded, [history], [["scene0"] * 7], "recommend_unseen", exclude_item_ids=[[]])
    assert not set(answer["item_ids"][0]) & {raw.encode() for raw in history}


def test_when_everything_is_excluded_nothing_is_left(served, loaded):
    answer = ask(loaded, [[]], [[]], "recommend_unseen", exclude_item_ids=[list(served.items.ids)])
    assert set(answer["item_ids"][0]) == {b""} and set(answer["item_scores"][0]) == {LOWEST}
    assert b"" not in answer["scene_ids"][0]


ALLOW = [["item4", "item7", "never seen", "item7"], ["smør", "item2", "item0", "item9"], [], ["item0", "", "item8"]]


def test_a_list_is_ranked_as_in_the_ranking_of_all(served, loaded):
    """Items of the history, which are copied, others, unknown ones, one twice, and none."""
    answer = ask(loaded, HISTORIES, WHERE, "rank_allowed", allow_item_ids=ALLOW)
    assert answer["item_ids"].shape == answer["period_item_scores"].shape == (4, 4)
    same(answer, served, HISTORIES, WHERE, allow=ALLOW)
    np.testing.assert_array_equal(answer["scene_ids"], ask(loaded, HISTORIES, WHERE)["scene_ids"])


def test_a_list_may_have_every_item_and_more(served, loaded):
    everything = [[*served.items.ids, *(f"unknown{number}" for number in range(200))]] * 4
    answer = ask(loaded, HISTORIES, WHERE, "rank_allowed", allow_item_ids=everything)
    same(answer, served, HISTORIES, WHERE)
    for row, best in zip(answer["item_ids"], ask(loaded, HISTORIES, WHERE)["item_ids"], strict=True):
        assert row[: len(best)].tolist() == best.tolist() and set(row[len(best) :]) == {b""}


def test_without_a_list_there_is_nothing_to_rank(loaded):
    answer = ask(loaded, HISTORIES, WHERE, "rank_allowed", allow_item_ids=[[]] * 4)
    assert answer["item_ids"].shape == (4, 0) and answer["scene_ids"].shape == (4, 4)


def test_users_are_embedded(served, loaded):
    answer = ask(loaded, HISTORIES[:1], WHERE[:1], "embed_users")
    index = {raw: place + 1 for place, raw in enumerate(served.items.ids)}
    scene = {raw: place + 1 for place, raw in enumerate(served.scenes.ids)}
    history = recommenders.history([[index[raw] for raw in HISTORIES[0]]], [[scene[raw] for raw in WHERE[0]]])
    known = served.network.represent(history)
    np.testing.assert_allclose(answer["z_item"], known.z_item, atol=1e-5)
    np.testing.assert_allclose(answer["z_scene"], known.z_scene, atol=1e-5)
    outputs = served.network.outputs(known, history, "next")
    np.testing.assert_allclose(answer["o_item"], outputs.o_item, atol=1e-5)
    np.testing.assert_allclose(answer["o_scene"], outputs.o_scene, atol=1e-5)


def test_embedded_users_can_be_matched_elsewhere(loaded):
    """What is not in the history is scored by inner product and bias, but for what the last scene adds."""
    query = ask(loaded, [["item3"]], [["nowhere"]], "embed_users")["o_item"]
    scores = query @ loaded.item_vectors.numpy()[1:-1].T + loaded.answers["next"].item_bias.numpy()
    answer = ask(loaded, [["item3"]], [["nowhere"]], "recommend_unseen", exclude_item_ids=[[]])
    by_id = dict(zip(loaded.item_ids.numpy(), scores[0], strict=True))
    for raw, score in zip(answer["item_ids"][0][:-1], answer["item_scores"][0], strict=False):
        assert score == pytest.approx(by_id[raw], abs=1e-5)


def test_fingerprints_are_answered_as_raw_ids_are(loaded):
    raw = ask(loaded, [["item3", "item4"]], [["scene1", "scene2"]])
    prints = tf.constant([fingerprints(["item3", "item4"])]), tf.constant([fingerprints(["scene1", "scene2"])])
    for name, value in loaded.recommend_fingerprints(*prints, *no_times(1)).items():
        np.testing.assert_array_equal(value.numpy(), raw[name])
    raw = ask(loaded, [["item3"]], [["scene1"]], "recommend_unseen", exclude_item_ids=[["item7"]])
    answer = loaded.recommend_unseen_fingerprints(
        prints[0][:, :1], prints[1][:, :1], *no_times(1), tf.constant([[fingerprints(["item7"])[0], -1]])
    )
    for name, value in answer.items():
        np.testing.assert_array_equal(value.numpy(), raw[name])
    raw = ask(loaded, [["item3"]], [["scene1"]], "rank_allowed", allow_item_ids=[["item7", "item3"]])
    answer = loaded.rank_allowed_fingerprints(
        prints[0][:, :1], prints[1][:, :1], *no_times(1), tf.constant([fingerprints(["item3", "item7"]).tolist()])
    )
    for name, value in answer.items():
        np.testing.assert_array_equal(value.numpy(), raw[name])


def test_a_model_that_is_not_a_number_answers_with_none(tmp_path):
    broken = served_model.build()
    for maps, width in ((broken.network.item_maps, 8), (broken.network.scene_maps, 4)):
        for linear in maps.values():
            linear.bias.assign_add(np.full(width, np.nan))
    loaded = tf.saved_model.load(served_model.export(broken, tmp_path / "1"))
    # Rows of which different numbers of items are copied: the shorter one has places without any candidate.
    answer = ask(loaded, [["item1", "item2", "item3"], ["item1"]], [["scene1"]] * 2)
    assert np.isfinite(answer["item_scores"]).all() and np.isfinite(answer["scene_scores"]).all()
    assert set(answer["item_ids"].ravel()) == set(answer["scene_ids"].ravel()) == {b""}


def test_items_whose_scores_are_no_numbers_come_last_wherever_they_stand():
    broken = served_model.build()
    table, size = broken.module.item_vectors.numpy(), len(broken.items.ids)
    table[[3, 9]] = np.nan
    broken.module.item_vectors.assign(table)
    items, scenes = tf.constant([["item1", "item2"]]), tf.constant([["scene1", "scene2"]])
    whole = broken.module.recommend(items, scenes)["item_ids"].numpy()[0]
    some = broken.module.rank_allowed(items, scenes, tf.constant([broken.items.ids]))["item_ids"].numpy()[0]
    assert some.tolist() == whole.tolist() and np.flatnonzero(whole == b"").tolist() == [size - 2, size - 1]


def test_without_prior_and_repeat_head(tmp_path):
    plain = served_model.build(popularity_prior=False, scene_head=False, repeat_head=False)
    loaded = tf.saved_model.load(served_model.export(plain, tmp_path / "1"))
    same(ask(loaded, HISTORIES, WHERE), plain, HISTORIES, WHERE)
    exclude = [["item1"]] * 4
    answer = ask(loaded, HISTORIES, WHERE, "recommend_unseen", exclude_item_ids=exclude)
    same(answer, plain, HISTORIES, WHERE, exclude)
    answer = ask(loaded, HISTORIES, WHERE, "rank_allowed", allow_item_ids=ALLOW)
    same(answer, plain, HISTORIES, WHERE, allow=ALLOW)


def warm_up(folder, loaded) -> list[tuple[str, str]]:
    """Answers the warm-up requests of a model; returns whom and what they asked."""
    seen = []
    for record in tf.data.TFRecordDataset(f"{folder}/{WARMUP_FILE}").as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(value), tf.string) for name, value in request.inputs.items()}
        ask_signature(loaded, request.model_spec.signature_name, inputs)
        seen.append((request.model_spec.name, request.model_spec.signature_name))
    return seen


def test_warm_up_requests_ask_every_signature_and_are_answered(folder, loaded):
    seen = warm_up(folder, loaded)
    assert len(seen) == 10 and set(seen) == {("planted", name) for name in loaded.signatures}


def test_a_model_that_counts_embeds_nobody_and_is_not_asked_to(tmp_path):
    items, scenes = catalogues(planted(60, seed=0))
    networks = StatisticalNetworks({"next": popularity.from_catalogues(items, scenes)})
    module = ServingModule(networks, items, scenes, max_history=6)
    export(module, str(tmp_path), "planted", EXACT)
    loaded = tf.saved_model.load(str(tmp_path))
    assert not hasattr(loaded, "embed_users") and "embed_users" not in loaded.signatures
    seen = warm_up(tmp_path, loaded)
    assert len(seen) == 8 and set(seen) == {("planted", name) for name in loaded.signatures}


def test_times_change_the_answer_and_unknown_ones_are_none(loaded):
    """Given by tensors and by examples alike; padding on either side, and unknown for one user of a batch."""
    items, scenes, times, now = [["item1", "item2"], ["item3"]], [["scene1", "scene2"], ["scene0"]], [[50, 90]], 100
    days = tf.constant([[86_400 * time for time in times[0]], [0, 0]], tf.int64)
    asked = tf.constant([86_400 * now, 0], tf.int64)
    inputs = {"history_item_ids": padded(items), "history_scene_ids": padded(scenes)}
    timed = loaded.signatures["serving_default"](**inputs, history_timestamps=days, request_time=asked)
    plain = ask(loaded, items, scenes)
    assert np.abs(timed["item_scores"][0] - plain["item_scores"][0]).max() > 1e-3
    np.testing.assert_allclose(timed["item_scores"][1], plain["item_scores"][1], atol=1e-5)
    wide = tf.pad(days, [[0, 0], [1, 2]])
    moved = loaded.signatures["serving_default"](**inputs, history_timestamps=wide, request_time=asked)
    np.testing.assert_allclose(moved["item_scores"], timed["item_scores"], atol=1e-5)
    later = loaded.signatures["serving_default"](**inputs, history_timestamps=days, request_time=asked * 2)
    assert np.abs(later["item_scores"][0] - timed["item_scores"][0]).max() > 1e-3
    example = tf.train.Example()
    for key, values in (("history_item_ids", items[0]), ("history_scene_ids", scenes[0])):
        example.features.feature[key].bytes_list.value.extend(value.encode() for value in values)
    example.features.feature["history_timestamps"].int64_list.value.extend(days[0].numpy().tolist())
    example.features.feature["request_time"].int64_list.value.append(86_400 * now)
    by_example = loaded.signatures["serving_examples"](examples=tf.constant([example.SerializeToString()]))
    np.testing.assert_allclose(by_example["item_scores"][0], timed["item_scores"][0], atol=1e-5)


def test_where_nothing_comes_again_the_history_is_not_recommended(tmp_path):
    """And nothing is copied: what is left is ranked by the network's own scores."""
    served = served_model.build(TRAIN, repeats=0.0)
    assert all(head.repeat_head is None for head in served.network.heads.values())
    loaded = tf.saved_model.load(served_model.export(served, tmp_path / "1"))
    known = [[raw for raw in history if raw in set(served.items.ids)] for history in HISTORIES]
    answer = ask(loaded, HISTORIES, WHERE)
    some = ask(loaded, HISTORIES, WHERE, "rank_allowed", allow_item_ids=ALLOW)
    for column, question in (("item", "next"), ("period_item", "period")):
        for answered, allow in ((answer, None), (some, ALLOW)):
            scores = expected(served, HISTORIES, WHERE, question=question, allow=allow)
            pairs = zip(scores, known, strict=True)
            same_list(answered, column, [[cell for cell in row if cell[0].decode() not in own] for row, own in pairs])
        encoded = loaded.answers[question].encode(
            *(
                tf.ragged.constant([fingerprints(row).tolist() for row in rows], tf.int64).to_tensor(-1)
                for rows in (HISTORIES, WHERE)
            ),
            *no_times(len(HISTORIES)),
        )
        assert set(encoded["scores"].numpy()) == {-np.inf}
        assert np.bincount(encoded["rows"]).tolist() == [len(set(own)) for own in known]


def test_a_server_fills_in_that_there_are_no_times(folder):
    with open(f"{folder}/saved_model.pb", "rb") as file:
        graph = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs[0]
    for name in BY_HISTORY:
        defaults = {key: tf.make_ndarray(value) for key, value in graph.signature_def[name].defaults.items()}
        assert {key: value.shape for key, value in defaults.items()} == {
            "history_timestamps": (0, 0),
            "request_time": (0,),
        }


@pytest.mark.parametrize("signature", BY_HISTORY)
def test_a_request_copies_no_table(folder, signature):
    """A sparse read of a variable would make TensorFlow copy it at every dense read that follows."""
    loaded = tf.saved_model.load(folder)
    ask(loaded, HISTORIES[:1], WHERE[:1], signature, **listing(signature, [["item5"]]))
    for table in (loaded.item_vectors, loaded.answers["next"].item_bias, loaded._item_table.fingerprints):
        first, second = (table.read_value() for _ in range(2))
        assert np.shares_memory(*(np.asarray(memoryview(read)) for read in (first, second))), table.name
