"""The configuration of one pipeline: typed, frozen, loaded from YAML, wrong values refused by name."""

import argparse
import os
import pathlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin

import pydantic
import yaml

from components.report.config import ReportConfig
from components.sequence_example_gen.config import IngestSettings, SourceConfig, SplitConfig, WindowsConfig
from model.config import EvaluationConfig, ModelConfig, ServingConfig, TrainingConfig
from model.job import TrainingJob
from model.methods import METHODS
from model.questions import PREFIX, read_window
from pipeline.overrides import apply_override
from pipeline.tuning_config import PARTS, TuningConfig, find_problems, suit_to_objective
from schemas.config_model import ConfigModel
from schemas.errors import UserError

CONFIG_VARIABLE = "DSPNET_CONFIG"
DEFAULT_CONFIG = pathlib.Path(__file__).parents[1] / "configs" / "complete_journey.yaml"


class BeamConfig(ConfigModel):
    """How Beam runs."""

    args: tuple[str, ...] = ("--runner=FnApiRunner", "--direct_num_workers=1")
    """Flags handed to Beam; a cluster's runner, project and region go here."""
    partitions: pydantic.PositiveInt = 8
    """Into how many parts users are hashed; each must fit one worker's memory."""


class PipelineConfig(ConfigModel):
    """One pipeline, from the log to the pushed model."""

    name: Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    """Name of the pipeline and of the served model."""
    workdir: str = "runs"
    """Folder for artifacts, metadata and pushed models of local runs: `workdir/name`."""
    demo: bool = False
    """Public demonstration data: users may be hashed without a secret salt in DSPNET_SALT."""
    source: SourceConfig
    """The log."""
    windows: WindowsConfig = WindowsConfig()
    """Histories and futures."""
    split: SplitConfig = SplitConfig()
    """Train, validation and test."""
    model: ModelConfig = ModelConfig()
    """The network."""
    training: TrainingConfig = TrainingConfig()
    """Its training."""
    serving: ServingConfig = ServingConfig()
    """How it is served."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """Its evaluation."""
    report: ReportConfig = ReportConfig()
    """The report on all of it."""
    tuning: TuningConfig = TuningConfig()
    """What `dspnet tune` searches."""
    beam: BeamConfig = BeamConfig()
    """Apache Beam."""
    enable_cache: bool = True
    """Steps whose inputs, settings and code have not changed are not run again."""

    def make_ingest_settings(self) -> IngestSettings:
        """Returns what SequenceExampleGen is given."""
        return IngestSettings(
            source=self.source,
            windows=self.windows,
            split=self.split,
            partitions=self.beam.partitions,
            demo=self.demo,
        )

    def make_training_job(
        self,
        *,
        checkpoint_dir: str,
        source_digest: str,
        catalogue_uri: str = "",
        sequences: Mapping[str, int] = MappingProxyType({}),
    ) -> TrainingJob:
        """Returns what `model.trainer.run_fn` is given; arguments as for `model.job.TrainingJob`."""
        return TrainingJob(
            name=self.name,
            model=self.model,
            training=self.training,
            serving=self.serving,
            max_history=self.windows.max_history,
            checkpoint_dir=checkpoint_dir,
            source_digest=source_digest,
            catalogue_uri=catalogue_uri,
            sequences=sequences,
        )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _search_suits_objective(cls, values: Any) -> Any:
        training = values.get("training", {}) if isinstance(values, dict) else None
        if not isinstance(training, dict):
            return values
        objective = training.get("objective", TrainingConfig.model_fields["objective"].default)
        return {**values, "tuning": suit_to_objective(objective, values.get("tuning", {}))}

    @pydantic.model_validator(mode="after")
    def _cutoffs_fit(self) -> "PipelineConfig":
        windows, cutoffs = self.windows, len(self.windows.cutoffs)
        if self.source.layout == "sequences" and (cutoffs or self.split.by != "user"):
            raise ValueError("sequence files are already cut: windows.cutoffs must be empty and split.by 'user'")
        if self.split.by == "last":
            if cutoffs or windows.history_days or windows.future_days or windows.min_future > 1:
                raise ValueError(
                    "split.by 'last' cuts each user's events at the user's own last times: windows.cutoffs must be "
                    "empty, history_days and future_days null, min_future 1"
                )
        elif self.source.layout == "events" and not cutoffs:
            raise ValueError(
                "windows.cutoffs is missing: name at least one date, as in [2024-08-01], or set split.by to last"
            )
        if self.split.by == "time" and cutoffs < 3:
            raise ValueError(
                f"split.by 'time' needs at least 3 windows.cutoffs (train, val, test). Received: {cutoffs}"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _questions_fit_windows(self) -> "PipelineConfig":
        days = self.windows.future_days
        for question in self.training.questions:
            window = read_window(question)
            if window is None:
                continue
            if self.split.by == "last":
                raise ValueError(
                    "split.by 'last' leaves each user one time of future, of which there are no parts: "
                    f"training.questions must be next, period or prefix. Received: {question!r}"
                )
            if window.unit == "days" and days is not None and window.length >= days:
                raise ValueError(
                    f"training.questions: {question!r} asks about all of windows.future_days={days}, as period does: "
                    "name fewer days"
                )
        return self

    @pydantic.model_validator(mode="after")
    def _index_fits_method(self) -> "PipelineConfig":
        if self.serving.retrieval == "scann" and not self.model.method.has_item_vectors:
            fit = ", ".join(name for name, method in METHODS.items() if method.has_item_vectors)
            raise ValueError(
                "serving.retrieval: scann searches for the largest inner product, and only these methods score items "
                f"by one: {fit}. Set it to exact. Received: model.name={self.model.name!r}"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _negatives_fit_training(self) -> "PipelineConfig":
        training = self.training
        reads_histories = "training.questions=[prefix]" if PREFIX in training.questions else None
        if self.model.method.trains_on_histories:
            reads_histories = f"model.name={self.model.name}"
        if training.candidates.sampling == "in_batch" and training.batch_size == 1:
            raise ValueError(
                "training.candidates.sampling: in_batch takes negatives from the other sequences of a batch: set "
                "training.batch_size above 1"
            )
        if training.candidates.sampling == "in_batch" and reads_histories:
            raise ValueError(
                "training.candidates.sampling: in_batch takes negatives from futures and corrects for how often items "
                f"are in them, but {reads_histories} trains on items of histories, too. Set it to uniform or "
                "log_uniform."
            )
        return self

    @pydantic.model_validator(mode="after")
    def _searched_values_fit(self) -> "PipelineConfig":
        found = list(find_problems({part: getattr(self, part) for part in PARTS}, self.tuning))
        if found:
            raise ValueError("\n  ".join(found))
        return self


def load_config(path: str, overrides: Sequence[str] = ()) -> PipelineConfig:
    """Returns the configuration in a YAML file.

    Args:
        path: the YAML file.
        overrides: assignments such as ``training.epochs=3``, see `pipeline.overrides`.

    Raises:
        UserError: if the file is missing or no YAML, an override is no assignment, a key is unknown, or a value is
            not allowed.
    """
    try:
        with open(path, encoding="utf-8") as file:
            values = yaml.safe_load(file) or {}
    except OSError as error:
        raise UserError(f"Cannot read the configuration {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold keys and values, as in `name: my_log`. Received: {values!r}")
    for override in overrides:
        apply_override(values, override, PipelineConfig)
    return parse_config(values, path)


def parse_config(values: dict[str, Any], origin: str) -> PipelineConfig:
    """Returns the configuration that nested dictionaries hold.

    Args:
        values: sections and values by key.
        origin: where they come from, for errors.

    Raises:
        UserError: if a key is unknown or a value is not allowed.
    """
    try:
        return PipelineConfig.model_validate(values)
    except pydantic.ValidationError as error:
        lines = [_describe(detail) for detail in error.errors()]
        raise UserError("\n  ".join([f"{origin} cannot be run:", *lines])) from error


def _describe(detail: Any) -> str:
    key = ".".join(str(part) for part in detail["loc"]) or "configuration"
    if detail["type"] == "extra_forbidden":
        return f"{key}: unknown key; the known ones: {', '.join(_list_known_keys(detail['loc'][:-1]))}"
    message = detail["msg"].removeprefix("Value error, ")
    value = "" if detail["type"] in ("missing", "value_error") else f" Received: {detail['input']!r}"
    return f"{key}: {message}.{value}"


def _list_known_keys(loc: tuple[Any, ...]) -> list[str]:
    section: Any = PipelineConfig
    for part in loc:
        # Below a dictionary, whose keys are free, is what it holds.
        keyed = get_origin(section) is dict
        section = get_args(section)[1] if keyed else section.model_fields[part].annotation
    return list(section.model_fields)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options ``--config`` and ``--set``, by which every command takes its configuration."""
    default = os.environ.get(CONFIG_VARIABLE, str(DEFAULT_CONFIG))
    parser.add_argument(
        "--config",
        default=default,
        metavar="FILE",
        help=f"YAML (default: the variable {CONFIG_VARIABLE}, or {DEFAULT_CONFIG.name})",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a key; may be repeated"
    )
