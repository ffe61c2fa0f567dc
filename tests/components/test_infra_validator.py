import dataclasses
import json
import os
import pathlib
import re
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from tfx.components.util import model_utils
from tfx.types import channel, standard_artifacts

from components import artifacts
from components.infra_validator import answers, candidate, fresh_process, validation
from components.infra_validator.candidate import Request, find_libraries, make_request
from components.infra_validator.component import InfraValidator
from components.infra_validator.executor import Executor
from components.infra_validator.histories import POPULAR, encode_ids, find_unknown_id, read_histories
from components.infra_validator.refusal import RefusedError, UndecidedError
from model.baselines import own_frequency, popularity
from model.baselines.statistical_network import StatisticalNetworks
from model.config import ServingConfig
from model.data.history import History
from model.export.saved_model import export
from model.export.serving_module import ServingModule
from model.tracing import unoptimized
from schemas.catalogue import ITEMS_FILE, Catalogue, write_catalogue
from schemas.identity import fingerprints
from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS, HISTORY_TIMESTAMPS
from schemas.served_model import EXACT, REQUEST_TIME, RETRIEVAL_FILE
from tests import served_model
from tests.sequence_data import planted, write_catalogues, write_examples

TRAIN = planted(60, seed=0)
HISTORY = [tf.TensorSpec([None, None], tf.string, name) for name in (HISTORY_ITEM_IDS, HISTORY_SCENE_IDS)]
TIMES = [
    tf.TensorSpec([None, None], tf.int64, HISTORY_TIMESTAMPS),
    tf.TensorSpec([None], tf.int64, REQUEST_TIME),
]


def signature(answer):
    """A signature over histories that answers with a function of their items, and may be given times."""

    def ask(
        history_item_ids,
        history_scene_ids,
        history_timestamps=tf.zeros([0, 0], tf.int64),  # noqa: B008  (TensorFlow reads them as the signature's defaults)
        request_time=tf.zeros([0], tf.int64),  # noqa: B008
    ):
        return {"item_ids": answer(history_item_ids)}

    return tf.function(ask, input_signature=[*HISTORY, *TIMES])


@dataclasses.dataclass(frozen=True)
class World:
    """What the component reads, and a good model."""

    folder: pathlib.Path
    served: served_model.Served
    items: Catalogue
    scenes: Catalogue

    @property
    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        return self.items.future_counts, self.scenes.future_counts

    @property
    def good(self) -> str:
        return str(self.folder / "good" / "Format-Serving")

    def histories(self):
        return read_histories(str(self.folder / "examples" / "Split-test"), self.items, self.scenes)[0]

    def export(self, name: str, module: tf.Module, functions=None) -> None:
        """Writes a model for `run`; as the trainer does, unless its signatures are given."""
        folder = str(self.folder / name / "Format-Serving")
        if functions is None:
            export(module, folder, "planted", EXACT)
        else:
            tf.saved_model.save(module, folder, signatures=functions)

    def run(
        self, name: str, examples: str = "examples", catalogue: str = "catalogue", time_limit: int = 60
    ) -> standard_artifacts.InfraBlessing:
        """Validates a model of `export`."""
        data = _artifact(standard_artifacts.Examples, self.folder / examples)
        data.split_names = '["train", "val", "test"]'
        blessing = _artifact(standard_artifacts.InfraBlessing, pathlib.Path(tempfile.mkdtemp(dir=self.folder)))
        inputs = {
            "examples": [data],
            "catalogue": [_artifact(artifacts.Catalogue, self.folder / catalogue)],
            "model": [_artifact(standard_artifacts.Model, self.folder / name)],
        }
        Executor().Do(inputs, {"blessing": [blessing]}, {"time_limit": time_limit})
        return blessing

    def reason_against(self, name: str, **options) -> str:
        """Returns why a model is refused, and sees that it is refused as TFX does."""
        blessing = self.run(name, **options)
        assert not model_utils.is_infra_validated(blessing)
        assert tf.io.gfile.listdir(blessing.uri) == ["INFRA_NOT_BLESSED"]
        return blessing.get_string_custom_property("reason")


def _artifact(cls, folder):
    folder.mkdir(parents=True, exist_ok=True)
    artifact = cls()
    artifact.uri = str(folder)
    return artifact


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("infra_validator")
    # Two items that training has not seen.
    write_examples(folder / "examples" / "Split-test" / "data.gz", planted(70, seed=1, items=14))
    (folder / "empty" / "Split-test").mkdir(parents=True)
    write_catalogues(folder / "catalogue", TRAIN)
    served = served_model.build(TRAIN)
    served_model.export(served, folder / "good" / "Format-Serving")
    return World(folder, served, served.items, served.scenes)


@pytest.fixture(scope="module")
def remembered():
    """Answers that were given in this process, by what was asked."""
    return {}


@pytest.fixture
def asked_here(monkeypatch, remembered):
    """Asks in this process, for tests of what becomes of the answers: to start TensorFlow anew takes seconds."""

    def run(arguments, requests, time_limit):
        request_file, answer_file = map(pathlib.Path, arguments)
        request = request_file.read_text()
        if request not in remembered:
            with unoptimized():
                remembered[request] = json.dumps(fresh_process.answer(json.loads(request)))
        answer_file.write_text(remembered[request])

    monkeypatch.setattr(candidate, "_run_script", run)


SIGNATURES = ("serving_default", "serving_examples")


@pytest.fixture(scope="module")
def fresh(world):
    """The good model's answers to two signatures about every history, from a fresh process."""
    requests = [make_request(signature, asked) for signature in SIGNATURES for asked in world.histories()]
    return candidate.ask(world.good, requests, 60)


@pytest.mark.usefixtures("asked_here")
def test_a_model_without_item_vectors_is_blessed(world):
    world.export("carca", served_model.build(TRAIN, name="carca").module)
    assert model_utils.is_infra_validated(world.run("carca"))


@pytest.mark.usefixtures("asked_here")
def test_a_model_that_counts_is_blessed(world):
    catalogues = world.served.items, world.served.scenes
    counted = StatisticalNetworks({"period": own_frequency.from_catalogues(*catalogues)})
    world.export("counted", ServingModule(counted, *catalogues, max_history=6))
    blessing = world.run("counted")
    assert model_utils.is_infra_validated(blessing), blessing.get_string_custom_property("reason")


def test_a_good_model_is_blessed_as_tfx_does(world, caplog):
    with caplog.at_level("INFO", logger="dspnet"):
        blessing = world.run("good")
    assert model_utils.is_infra_validated(blessing)
    assert tf.io.gfile.listdir(blessing.uri) == ["INFRA_BLESSED"]
    reason = blessing.get_string_custom_property("reason")
    # 32 sequences at once, 32 alone, and an empty history, of each of five signatures.
    assert "s and answered 170 requests of the test split, " in reason and reason in caplog.messages


@pytest.mark.usefixtures("asked_here")
def test_an_empty_test_split_is_said(world):
    blessing = world.run("good", examples="empty")
    assert model_utils.is_infra_validated(blessing)
    said = "answered 20 requests with popular ids, for the test split is empty, "
    assert said in blessing.get_string_custom_property("reason")


def test_the_fresh_process_imports_no_keras_and_nothing_of_the_project(fresh):
    top = {module.partition(".")[0] for module in fresh.modules}
    assert {"numpy", "tensorflow"} <= top
    project = {path.parent.name for path in pathlib.Path(__file__).parents[2].glob("*/__init__.py")}
    assert {"schemas", "model", "components", "serving", "pipeline", "tests"} <= project
    assert not top & {"keras", "tf_keras", "tfx", "tensorflow_recommenders", *project}
    assert fresh.load_seconds < 10


def test_the_fresh_process_gives_the_scores_of_the_network_in_memory(world, fresh):
    histories = world.histories()
    answered = zip(histories, fresh.outputs[: len(histories)], fresh.outputs[len(histories) :], strict=True)
    for asked, outputs, of_examples in answered:
        for key, values in outputs.items():
            if key.endswith("_ids"):
                assert of_examples[key].tolist() == values.tolist()
            else:
                np.testing.assert_allclose(of_examples[key], values, atol=1e-5)
        index = [
            catalogue.index_of(rows) for catalogue, rows in ((world.items, asked.items), (world.scenes, asked.scenes))
        ]
        times, now = (tf.constant(np.where(x > 0, x + 1, 0)) for x in (asked.times, asked.now))
        items, scenes = (tf.constant(x, tf.int32) for x in map(right_aligned, index))
        history = History(items, scenes, times, now)
        following, period = (world.served.network(history, question) for question in ("next", "period"))
        for kind, catalogue, expected in (
            ("item", world.items, following.items),
            ("period_item", world.items, period.items),
            ("scene", world.scenes, following.scenes),
        ):
            order = np.argsort(-expected.numpy(), axis=1, kind="stable")
            raw = [[catalogue.ids[column].encode() for column in row] for row in order]
            assert outputs[f"{kind}_ids"].tolist() == raw
            expected = np.take_along_axis(expected.numpy(), order, axis=1)
            np.testing.assert_allclose(outputs[f"{kind}_scores"], expected, atol=1e-5)


def right_aligned(index):
    rows = [[value for value in row if value][-served_model.MAX_HISTORY :] for row in index]
    return [[0] * (max(map(len, rows)) - len(row)) + row for row in rows]


def test_requests_hold_raw_ids_of_the_catalogue_and_nothing_of_the_user(world):
    histories = world.histories()
    assert [len(asked.names) for asked in histories] == [32, *[1] * 32, 1]
    assert histories[-1].items.shape == (1, 0)
    sent = {raw for asked in histories for raw in asked.item_ids.ravel()}
    assert sent == {b"", find_unknown_id(world.items).encode(), *(raw.encode() for raw in world.items.ids)}
    for asked in histories:
        for record in make_request("serving_examples", asked).inputs["examples"]:
            sent = set(tf.train.Example.FromString(record).features.feature)
            assert sent - {spec.name for spec in TIMES} == {spec.name for spec in HISTORY}


@pytest.fixture
def lie(monkeypatch, asked_here):
    """Returns a function that changes what every request of rankings is answered."""

    def tell(change):
        honest = candidate.ask

        def ask(*args):
            given = honest(*args)
            outputs = tuple({**one, **change(one)} if "item_ids" in one else one for one in given.outputs)
            return dataclasses.replace(given, outputs=outputs)

        monkeypatch.setattr(validation, "ask", ask)

    return tell


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda answer: {"item_ids": answer["item_ids"] + b"x"},
            r"serving_default, test sequence 1 in a batch of 32: item_ids: 'item\d+x' is not in the catalogue",
        ),
        (
            lambda answer: {"scene_scores": answer["scene_scores"][:, ::-1]},
            "serving_default, test sequence 1 in a batch of 32: scene_scores does not fall from place to place",
        ),
        (
            lambda answer: {"item_scores": answer["item_scores"] + np.float32(0.01)},
            r"serving_default, .*: item_ids: place 1 has the score .*, but the model gives .* by `score`",
        ),
        (
            lambda answer: {f"period_item_{part}": answer[f"item_{part}"] for part in ("ids", "scores")},
            r"serving_default, .*: period_item_ids: place 1 has the score .*, but the model gives .* by `score`",
        ),
    ],
)
def test_wrong_answers_are_refused(world, lie, change, reason):
    lie(change)
    said = world.reason_against("good")
    assert re.match(reason, said), said


def test_another_item_than_was_allowed_is_refused(world, lie):
    """Among the answers, those to lists are told by their width."""

    def change(answer):
        if answer["item_ids"].shape[1] != POPULAR + 4:
            return {}
        other = np.where(answer["item_ids"] == answer["item_ids"][:1, :1], world.items.ids[-1].encode(), b"")
        return {"item_ids": np.where(other != b"", other, answer["item_ids"]).astype(object)}

    lie(change)
    assert re.match(
        r"rank_allowed, test sequence 1 in a batch of 32: item_ids: 'item\d+' comes back, though it was to be left out",
        world.reason_against("good"),
    )


@pytest.mark.usefixtures("asked_here")
def test_weights_that_are_no_numbers_are_refused(world):
    broken = popularity.rank_by(np.full(len(world.items), np.nan), world.scenes.future_counts)
    network = StatisticalNetworks({"next": popularity.rank_by(*world.counts), "period": broken})
    world.export("nan", ServingModule(network, world.items, world.scenes, max_history=6))
    assert "`score` gives values that are not finite" in world.reason_against("nan")


@pytest.mark.usefixtures("asked_here")
def test_a_damaged_checkpoint_is_refused_with_what_tensorflow_says(world):
    shutil.copytree(world.folder / "good", world.folder / "damaged")
    (data,) = (world.folder / "damaged").rglob("variables.data-*")
    data.write_bytes(data.read_bytes()[:1000])
    reason = world.reason_against("damaged")
    assert reason.startswith("it cannot be loaded: ") and "\n" not in reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "no saved_model.pb"), (b"nonsense", "cannot be read"), (b"", "no graph with the tag")],
)
def test_what_is_no_saved_model_is_refused(world, content, reason):
    folder = world.folder / f"no model {content}" / "Format-Serving"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "saved_model.pb").write_bytes(content)
    assert reason in world.reason_against(folder.parent.name)


class InPython(tf.Module):
    """Answers with a function of Python, which no SavedModel holds."""

    def __init__(self):
        super().__init__()
        self.ask = signature(lambda item_ids: tf.numpy_function(lambda ids: ids, [item_ids], tf.string))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def ask_examples(self, examples):
        return {"item_ids": examples}


def test_a_model_that_needs_project_code_is_refused(world):
    module = InPython()
    functions = {"serving_default": module.ask, "serving_examples": module.ask_examples}
    world.export("in python", module, functions)
    reason = world.reason_against("in python")
    expected = (
        "serving_default, test sequence 1 in a batch of 32: it does not answer: ValueError: Could not find callback"
    )
    assert reason.startswith(expected) and "\n" not in reason


class Echoing(tf.Module):
    """Answers with what it was asked."""

    def __init__(self):
        super().__init__()
        self.ask = signature(tf.identity)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def ask_examples(self, examples):
        return {"item_ids": examples}


def test_a_process_that_hangs_is_killed_and_the_step_fails(world, tmp_path, monkeypatch):
    file, left = tmp_path / "script.py", tmp_path / "pid"
    file.write_text(f"import os, time\nopen({str(left)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n")
    monkeypatch.setattr(candidate, "SCRIPT", str(file))
    with pytest.raises(UndecidedError, match="did not load and answer 170 requests within 5 s.* Run again"):
        world.run("good", time_limit=5)
    with pytest.raises(ProcessLookupError):
        os.kill(int(left.read_text()), 0)


def test_a_signature_that_is_missing_or_takes_something_else_is_refused(world):
    module = Echoing()
    world.export("default only", module, {"serving_default": module.ask})
    assert world.reason_against("default only") == "it has no signature serving_examples"
    world.export("mixed up", module, {"serving_default": module.ask_examples, "serving_examples": module.ask_examples})
    assert "serving_default takes ['examples'], where ['history_item" in world.reason_against("mixed up")


def test_a_signature_that_takes_numbers_is_refused(world):
    module = Echoing()
    numbers = tf.function(lambda examples: {"item_ids": examples}).get_concrete_function(
        tf.TensorSpec([None], tf.int64, "examples")
    )
    world.export("numbers", module, {"serving_default": module.ask, "serving_examples": numbers})
    assert world.reason_against("numbers") == "serving_examples takes examples as int64, where string is expected"


@pytest.mark.usefixtures("asked_here")
def test_a_model_for_another_catalogue_is_refused(world):
    folder = pathlib.Path(shutil.copytree(world.folder / "catalogue", world.folder / "other catalogue"))
    order = [*range(len(world.items) - 2), len(world.items) - 1, len(world.items) - 2]
    columns = {field.name: getattr(world.items, field.name)[order] for field in dataclasses.fields(world.items)}
    write_catalogue(Catalogue(**columns), str(folder / ITEMS_FILE))
    reason = world.reason_against("good", catalogue=folder.name)
    assert reason == "it ranks other items than the catalogue holds, or in another order"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import os; os.abort()", r"died \(SIGABRT\): no message"),
        ("raise MemoryError('too large')", r"died \(exit code 1\): MemoryError: too large"),
    ],
)
def test_a_process_that_dies_decides_nothing(world, script, reason, tmp_path, monkeypatch):
    file = tmp_path / "script.py"
    file.write_text(script)
    monkeypatch.setattr(candidate, "SCRIPT", str(file))
    with pytest.raises(UndecidedError, match=reason):
        candidate.ask(world.good, [], 60)


@pytest.mark.usefixtures("asked_here")
def test_an_error_while_answering_names_the_request(world):
    items, scenes = (np.full(shape, b"x", object) for shape in ((2, 3), (3, 3)))
    inputs = {HISTORY_ITEM_IDS: items, HISTORY_SCENE_IDS: scenes}
    with pytest.raises(RefusedError, match="two and three rows: it does not answer: .*same number of rows"):
        candidate.ask(world.good, [Request("two and three rows", "serving_default", inputs)], 60)


def test_operations_that_tensorflow_lacks_are_loaded(world, tmp_path):
    pytest.importorskip("scann")
    train = planted(300, seed=0, items=300)
    served = served_model.build(train, serve=ServingConfig(retrieval="scann", scann_search_share=1.0))
    folder = served_model.export(served, tmp_path / "scann")
    with pytest.raises(RefusedError, match="it cannot be loaded: Op type not registered"):
        candidate.ask(folder, [], 60)
    pathlib.Path(folder, RETRIEVAL_FILE).write_text('{"method": "scann"}')
    assert candidate.ask(folder, [], 60, find_libraries("scann")).load_seconds


def test_tensors_are_exchanged_byte_for_byte():
    ids = np.array([[b"item1", b"", b"\xff\x00"], [b"\x00", "käse".encode(), b"x" * 300]], object)
    scores = np.array([[0.1, -np.inf], [np.nan, np.finfo(np.float32).tiny]], np.float32)
    for array in (ids, ids[:, :0], ids[:1, :1], scores, np.arange(3), np.array(2.5)):
        found = fresh_process.decode_tensor(json.loads(json.dumps(fresh_process.encode_tensor(array))))
        assert (found.dtype, found.shape, found.tolist().__repr__()) == (array.dtype, array.shape, repr(array.tolist()))


def test_ids_are_found_both_ways(world):
    items, unknown = world.items, find_unknown_id(world.items).encode()
    first, third = items.ids[0].encode(), items.ids[2].encode()
    asked = np.array([[items.fingerprints[2], -1], [5, items.fingerprints[0]]])
    assert encode_ids(items, asked).tolist() == [[third, b""], [unknown, first]]
    given = np.array([items.ids[3].encode(), unknown, b"\xff"], object)
    assert answers.find_columns(given, items).tolist() == [3, answers.NOT_FOUND, answers.NOT_FOUND]
    assert items.index_of(fingerprints([unknown.decode()])) == [items.unknown_index]


def test_another_id_with_the_fingerprint_of_one_in_the_catalogue_is_not_found(world, monkeypatch):
    monkeypatch.setattr(answers, "fingerprints", lambda raw_ids: world.items.fingerprints[[0 for _ in raw_ids]])
    given = np.array([world.items.ids[0].encode(), b"a twin"], object)
    assert answers.find_columns(given, world.items).tolist() == [0, answers.NOT_FOUND]


def check(world, ids, scores, expected, exclude=(), exact=True):
    """Checks a row of the world's first four items."""
    few = dataclasses.replace(
        world.items, **{field.name: getattr(world.items, field.name)[:4] for field in dataclasses.fields(world.items)}
    )
    raw = np.array([few.ids[place].encode() if place is not None else b"" for place in ids], object)
    answers.check_row(
        raw, np.array(scores, np.float32), few, np.array(expected, np.float32), np.array(exclude, np.int64), exact
    )


LOWEST = np.finfo(np.float32).min


def test_a_right_row_passes(world):
    check(world, [1, 3], [4.0, 3.00001], [1.0, 4.0, 2.0, 3.0])
    check(world, [1, 3], [4000.0, 3000.01], [1.0, 4000.0, 2.0, 3000.0])  # a share of the greatest
    check(world, [3, 2, 0, None], [3.0, 2.0, 1.0, LOWEST], [1.0, 4.0, 2.0, 3.0], exclude=[1])
    check(world, [1, 2], [4.0, 2.0], [1.0, 4.0, 2.0, 3.0], exact=False)
    check(world, [None, None], [LOWEST, LOWEST], [1.0, 4.0, 2.0, 3.0], exclude=[0, 1, 2, 3])


@pytest.mark.parametrize(
    ("ids", "scores", "options", "reason"),
    [
        ([1, 2], [4.0, 2.0], {}, "place 2 has the score 2, but the best there is has 3"),
        ([1, 3], [4.0, 2.999], {}, "place 2 has the score 2.999, but the model gives 3 by `score`"),
        ([1, 1], [4.0, 4.0], {}, "'item.*' comes back more than once"),
        ([1, 3], [4.0, 3.0], {"exclude": [3]}, "'item.*' comes back, though it was to be left out"),
        ([1, None], [4.0, LOWEST], {}, "1 of 2 places are filled"),
        ([1, None], [4.0, LOWEST], {"exact": False}, "1 of 2 places are filled"),
        ([None, 1], [4.0, 4.0], {}, "a place that nothing fills comes before"),
        ([None, None], [LOWEST, LOWEST], {"exact": False}, "0 of 2 places are filled"),
        ([1, 3], [4.0, 3.0], {"expected": [1.0, 4.0, float("nan"), 3.0]}, "`score` gives values that are not finite"),
    ],
)
def test_a_wrong_row_is_refused(world, ids, scores, options, reason):
    with pytest.raises(RefusedError, match=reason):
        check(world, ids, scores, **{"expected": [1.0, 4.0, 2.0, 3.0], **options})


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ({"item_scores": None}, "it has no output item_scores; it has .'item_ids'"),
        ({"item_scores": np.zeros([2, 2], np.float32)}, r"item_scores is float32 \[2, 2\], where float32 \[2, 3\] is"),
        ({"item_ids": np.zeros([2, 3], np.int64)}, r"item_ids is int64 \[2, 3\], where string"),
        ({"item_scores": np.full([2, 3], np.inf, np.float32)}, "item_scores has values that are not finite"),
        ({"item_scores": np.array([[3, 2, 1], [3, 1, 2]], np.float32)}, "item_scores does not fall"),
    ],
)
def test_a_wrong_form_is_refused(outputs, reason):
    good = {"item_ids": np.full([2, 3], b"x", object), "item_scores": np.zeros([2, 3], np.float32)}
    answers.check_ranking(good, "item", 2, 3)
    wrong = {key: array for key, array in {**good, **outputs}.items() if array is not None}
    with pytest.raises(RefusedError, match=reason):
        answers.check_ranking(wrong, "item", 2, 3)


@pytest.mark.parametrize(
    "array", [np.full([2, 3], np.nan, np.float32), np.zeros([3, 3], np.float32), np.zeros([2], int)]
)
def test_wrong_embeddings_are_refused(array):
    answers.check_embeddings({"z": np.zeros([2, 3], np.float32)}, 2)
    with pytest.raises(RefusedError, match="z "):
        answers.check_embeddings({"z": array}, 2)


def test_the_component():
    component = InfraValidator(
        examples=channel.Channel(standard_artifacts.Examples),
        catalogue=channel.Channel(artifacts.Catalogue),
        model=channel.Channel(standard_artifacts.Model),
    )
    assert (component.id, component.executor_spec.executor_class) == ("InfraValidator", Executor)
    assert component.outputs["blessing"].type is standard_artifacts.InfraBlessing
    assert component.exec_properties == {"time_limit": 300}
