import pathlib

import pydantic
import pytest

from cli.config import describe_keys, resolve_yaml
from pipeline.config import PipelineConfig, load_config, parse_config
from pipeline.tuning_config import find_ranges
from schemas.config_model import ConfigModel
from schemas.errors import UserError

CONFIGS = sorted((pathlib.Path(__file__).parents[2] / "configs").glob("*.yaml"))

MINIMAL = {"name": "log", "source": {"path": "log.csv"}, "windows": {"cutoffs": ["2024-08-01"]}}


def sections(section: type[ConfigModel]) -> list[type[ConfigModel]]:
    below = [field.annotation for field in section.model_fields.values()]
    below = [kind for kind in below if isinstance(kind, type) and issubclass(kind, ConfigModel)]
    return [section, *(deeper for kind in below for deeper in sections(kind))]


def refusal(*overrides: str) -> str:
    with pytest.raises(UserError) as error:
        load_config(str(CONFIGS[0]), overrides)
    return str(error.value)


def test_every_key_is_documented() -> None:
    lacking = [
        f"{section.__name__}.{name}"
        for section in sections(PipelineConfig)
        for name, field in section.model_fields.items()
        if not field.description
    ]
    assert not lacking


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_are_valid_and_named_like_their_file(path: pathlib.Path) -> None:
    assert load_config(str(path), ["source.path=log.csv"]).name == path.stem


def test_frozen() -> None:
    with pytest.raises(pydantic.ValidationError):
        parse_config(MINIMAL, "test").training.epochs = 3  # type: ignore[misc]


def test_overrides_are_yaml() -> None:
    config = load_config(
        str(CONFIGS[0]), ["training.epochs=3", "windows.cutoffs=[2017-01-01, 2017-02-01, 2017-03-01]", "demo=false"]
    )
    assert (config.training.epochs, len(config.windows.cutoffs), config.demo) == (3, 3, False)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.epoch=3", ["training.epoch: unknown key", "epochs, patience"]),
        ("nothing=3", ["nothing: unknown key", "name, workdir"]),
        ("training.epochs=many", ["training.epochs", "integer", "'many'"]),
        ("source.format=xml", ["source.format", "'parquet'", "'xml'"]),
        ("model.heads=0", ["model.heads", "greater than 0", "Received: 0"]),
        ("model.heads=7", ["must be a multiple of heads", "heads=7"]),
        ("windows.cutoffs=[]", ["windows.cutoffs is missing", "2024-08-01", "split.by to last"]),
        ("windows.ties=random", ["windows.ties", "'shuffled' or 'log'", "'random'"]),
        ("evaluation.not_below=[last_item]", ["evaluation.not_below.0", "'popularity' or 'own_frequency'"]),
        ("windows.cutoffs=[2017-02-01, 2017-01-01, 2017-03-01]", ["windows.cutoffs", "must rise"]),
        ("source.path=", ["source.path"]),
        ("report.items.title=name", ["report.items.title: unknown key", "path, id, name"]),
        ("report.items.path=items.txt", ["report.items.path", ".parquet", "'items.txt'"]),
        ("training.epochs", ["key=value", "'training.epochs'"]),
        ("name.part=3", ["name.part", "not a section"]),
        ("source.columns.item_id=user_id", ["source.columns", "column of its own"]),
        (
            "evaluation.thresholds={next_item/recall@7: 0.1}",
            ["next_item/recall@7", "not measured", "next_item/recall@5"],
        ),
        ("tuning.space.training.rate={choices: [1]}", ["tuning.space.training.rate: unknown key", "learning_rate"]),
        ("tuning.own.carca.training.batch_size.low=8", ["tuning.own.carca.training.batch_size", "low and high"]),
    ],
)
def test_refusals_name_key_value_and_what_is_allowed(override: str, expected: list[str]) -> None:
    message = refusal(override)
    assert all(part in message for part in expected), message


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"windows": {"cutoffs": ["2024-08-01"], "future_days": 28}},
            "'first_28_days' asks about all of windows.future_days=28",
        ),
        (
            {"windows": {}, "split": {"by": "last"}},
            "split.by 'last' leaves each user one time .* Received: 'first_28_days'",
        ),
    ],
)
def test_a_window_that_is_no_part_of_the_future_is_refused(changed: dict, message: str) -> None:
    asked = {**MINIMAL, "training": {"questions": ["next", "first_28_days"]}}
    assert parse_config({**asked, "windows": {"cutoffs": ["2024-08-01"], "future_days": 29}}, "test")
    with pytest.raises(UserError, match=message):
        parse_config({**asked, **changed}, "test")


@pytest.mark.parametrize(
    "wrong",
    [
        {"windows": {"cutoffs": ["2024-08-01"]}},
        {"windows": {"history_days": 3}},
        {"windows": {"future_days": 3}},
        {"windows": {"min_future": 2}},
    ],
)
def test_the_last_events_of_each_user_take_no_cutoffs_and_no_days(wrong: dict) -> None:
    last = {"name": "log", "source": {"path": "log.csv"}, "split": {"by": "last"}}
    assert parse_config(last, "test").split.by == "last"
    with pytest.raises(UserError, match="split.by 'last' .*cutoffs must be empty, history_days and future_days null"):
        parse_config({**last, **wrong}, "test")
    with pytest.raises(UserError, match="sequence files are already cut"):
        parse_config({**last, "source": {"path": "log.csv", "layout": "sequences"}}, "test")


def test_an_override_may_name_what_is_searched() -> None:
    overrides = ["tuning.trials=3", "tuning.own.carca.training.batch_size={low: 8, high: 16}"]
    config = load_config(str(CONFIGS[0]), overrides)
    searched = find_ranges(config.tuning, "carca")
    assert config.tuning.trials == 3 and {"training.learning_rate", "training.batch_size"} < set(searched)
    assert searched["training.batch_size"].high == 16


def test_all_errors_are_told_at_once() -> None:
    message = refusal("model.heads=0", "training.epochs=0")
    assert "model.heads" in message and "training.epochs" in message


def test_missing_file_and_bad_yaml(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="Cannot read .*nothing.yaml: No such file"):
        load_config(str(tmp_path / "nothing.yaml"))
    (tmp_path / "bad.yaml").write_text("name: [")
    with pytest.raises(UserError, match="bad.yaml is not valid YAML"):
        load_config(str(tmp_path / "bad.yaml"))
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(UserError, match="must hold keys and values"):
        load_config(str(tmp_path / "list.yaml"))


def test_resolved_yaml_loads_to_the_same(tmp_path: pathlib.Path) -> None:
    config = parse_config(MINIMAL, "test")
    (tmp_path / "resolved.yaml").write_text(resolve_yaml(config))
    assert load_config(str(tmp_path / "resolved.yaml")) == config


def test_describe_tells_type_default_and_documentation() -> None:
    text = "\n".join(describe_keys(PipelineConfig))
    assert "training.epochs: int (> 0), default 100\n    Most passes" in text
    assert "name: str, required" in text
    assert "training.objective: bce | softmax | gbce, default" in text


@pytest.mark.parametrize("method", ["carca", "popularity"])
def test_an_index_needs_item_vectors(method: str) -> None:
    message = refusal("serving.retrieval=scann", f"model.name={method}")
    assert "scann" in message and f"'{method}'" in message and "sasrec" in message and "exact" in message


def test_in_batch_negatives_need_a_batch() -> None:
    message = refusal("training.candidates.sampling=in_batch", "training.batch_size=1")
    assert "in_batch takes negatives from the other sequences" in message and "batch_size above 1" in message
    load_config(str(CONFIGS[0]), ["training.batch_size=1"])


@pytest.mark.parametrize("reads_histories", ["training.questions=[prefix]", "model.name=bert4rec"])
def test_in_batch_negatives_are_of_futures_alone(reads_histories: str) -> None:
    message = refusal("training.candidates.sampling=in_batch", reads_histories)
    assert "in_batch" in message and reads_histories in message and "uniform or log_uniform" in message
    load_config(str(CONFIGS[0]), ["training.candidates.sampling=in_batch"])
