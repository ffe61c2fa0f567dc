"""Configuration of SequenceExampleGen: where the log lies, how it is cut, how it is split."""

import datetime
import re
import zoneinfo
from typing import Annotated, Any, Literal

import pydantic

from schemas.config_model import ConfigModel

Ties = Literal["shuffled", "log"]
LOG: Ties = "log"
"""Orders of events of one user and time, as `windows.ties` names them."""

COMPARISON = re.compile(r"\s*(>=|<=|>|<)\s*([+-]?\d+(?:\.\d+)?)\s*")
"""How `SourceConfig.keep` compares a column with a number."""

_TIME_DIRECTIVES = "%YymdjbBHIMSfpaAz"
"""Letters of `SourceConfig.time_pattern`: those that mean the same to Python and to C."""

STAND_IN = "\x1f"
"""Unit separator of ASCII: it stands for a delimiter of several bytes while CSV is parsed."""

_TABS = {"tab": "\t", "\\t": "\t"}
"""How people write a tab where none can be typed."""


class ColumnsConfig(ConfigModel):
    """Which column of the log holds what."""

    user_id: str = "user_id"
    """Column of the user."""
    item_id: str = "item_id"
    """Column of the item."""
    scene_id: str | None = "scene_id"
    """Column of the scene: the sub-interface where the event happened; null puts all events into one scene, `all`."""
    timestamp: str = "timestamp"
    """Column of the time of the event."""

    @pydantic.model_validator(mode="after")
    def _distinct(self) -> "ColumnsConfig":
        names = [name for name in self.model_dump().values() if name is not None]
        if len(set(names)) != len(names):
            raise ValueError(f"each field needs a column of its own. Received: {names}")
        return self


class SourceConfig(ConfigModel):
    """Where the log lies and how it is written."""

    path: str = ""
    """A file, a folder or a glob on any Beam filesystem; with `format: tfds`, the data set's name."""
    format: Literal["csv", "parquet", "jsonl", "fields", "tfds"] = "csv"
    """How files are written; text may be .gz, .bz2 or .zst. `fields` is appendix B of the paper as printed."""
    layout: Literal["events", "sequences"] = "events"
    """`events`: a row an event. `sequences`: a row a user, already cut into the paper's seven fields."""
    columns: ColumnsConfig = ColumnsConfig()
    """Names of the columns when `layout` is `events`."""
    header: tuple[str, ...] | None = None
    """Names of the columns of CSV that has no header line; null reads them from line 1."""
    delimiter: str = ","
    """Separator of CSV columns, of one character or several; a tab is written tab or \\t."""
    quote: Literal['"', "none"] = '"'
    """What encloses CSV fields that hold a delimiter; none reads quotes as text."""
    newlines_in_fields: bool = False
    """Quoted CSV fields may run over lines; otherwise a row is a line, and a quote left open costs its row alone."""
    encoding: str = "utf-8"
    """Encoding of text files, by its name in Python, such as utf-16 or cp1252."""
    missing_scene: Annotated[str, pydantic.Field(min_length=1)] | None = None
    """Scene of the events that have none; null rejects such events."""
    keep: dict[str, tuple[str | bool | int | float, ...] | str] = {}
    """Rows to keep: a column and its values, as in {event_type: [buy]}, or a comparison, as in {rating: ">=4"}."""
    timestamp_format: Literal["unix_s", "unix_ms", "unix_us", "iso8601", "yyyymmdd"] = "unix_s"
    """How times are written."""
    time_pattern: str | None = None
    """How times are written, as a pattern of strptime, such as "%d/%m/%Y %H:%M"; replaces `timestamp_format`."""
    timezone: str = "UTC"
    """Zone of times that are written without one, by its IANA name, such as Europe/Berlin."""
    tfds_split: str = "train"
    """Split of the TensorFlow data set when `format` is `tfds`."""
    public_dataset: Literal["complete_journey"] | None = None
    """Public data set to prepare into `path` when nothing is there yet (local runs only)."""
    max_bad_share: Annotated[float, pydantic.Field(ge=0.0, le=1.0)] = 0.01
    """The run stops when a larger share of rows is bad."""

    @pydantic.field_validator("keep", mode="before")
    @classmethod
    def _values_in_lists(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        listed = {column: _list_values(wanted) for column, wanted in value.items()}
        for column, wanted in listed.items():
            if not all(isinstance(one, str | bool | int | float) for one in wanted):
                raise ValueError(
                    f"{column} needs texts, numbers, true or false, as in [buy]; a row without a value (null) is never "
                    f"kept. Received: {value[column]!r}"
                )
        return listed

    @pydantic.field_validator("keep", mode="after")
    @classmethod
    def _known_comparison(cls, value: dict[str, Any]) -> dict[str, Any]:
        for column, wanted in value.items():
            if isinstance(wanted, str) and not COMPARISON.fullmatch(wanted):
                raise ValueError(
                    f"{column} needs a list of values, as in [buy], or a comparison with a number by >=, >, <= or <, "
                    f'as in ">=4". Received: {wanted!r}'
                )
            if not wanted:
                raise ValueError(f"{column} needs at least one value, as in [buy]")
        return value

    @pydantic.field_validator("timezone", mode="after")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"needs the IANA name of a zone that this machine knows, such as Europe/Berlin. Received: {value!r}"
            ) from error
        return value

    @pydantic.field_validator("time_pattern", mode="after")
    @classmethod
    def _known_pattern(cls, value: str | None) -> str | None:
        if value is None:
            return None
        unknown = sorted(set(re.findall("%(.?)", value)) - set(_TIME_DIRECTIVES))
        if unknown:
            raise ValueError(
                f"%{unknown[0]} is not known; known are {' '.join('%' + letter for letter in _TIME_DIRECTIVES)}. "
                f"Received: {value!r}"
            )
        if "%f" in value and not re.search(r"[.]%f[^.]*$", value):
            raise ValueError(f"%f must follow the last point of the pattern, as in %S.%f. Received: {value!r}")
        if ("%p" in value) != ("%I" in value):
            raise ValueError(f"%I, the hour of twelve, and %p go together, as in %I:%M %p. Received: {value!r}")
        moment = datetime.datetime(2023, 11, 25, 10, 30, tzinfo=datetime.timezone.utc)
        try:
            same = datetime.datetime.strptime(moment.strftime(value), value).date() == moment.date()
        except ValueError:
            same = False
        if not same:
            raise ValueError(f"needs year, month and day, each once, as in %d/%m/%Y. Received: {value!r}")
        return value

    @pydantic.field_validator("missing_scene", mode="after")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and value.splitlines() != [value]:
            raise ValueError(f"must be one line of text. Received: {value!r}")
        return value

    @pydantic.field_validator("delimiter", mode="after")
    @classmethod
    def _separates(cls, value: str) -> str:
        value = _TABS.get(value, value)
        if not value or set(value) & set("\n\r\0") or (len(value) > 1 and STAND_IN in value):
            raise ValueError(
                f"must be text in one line, such as ',' (in quotes where YAML needs them). Received: {value!r}"
            )
        return value

    @pydantic.field_validator("header", mode="after")
    @classmethod
    def _names_columns(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (not value or "" in value or len(set(value)) != len(value)):
            raise ValueError(f"must name each column of the file, and no two alike. Received: {list(value)}")
        return value

    @pydantic.field_validator("encoding", mode="after")
    @classmethod
    def _encodes(cls, value: str) -> str:
        try:
            "a\n".encode(value)
        except (LookupError, ValueError) as error:
            raise ValueError(
                f"must be an encoding of text that Python knows, such as utf-16 or cp1252. Received: {value!r}"
            ) from error
        return value

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> "SourceConfig":
        if not self.path:
            raise ValueError("path is missing: name the log, in the file or with --set source.path=PATH")
        if self.layout == "sequences" and (self.keep or self.missing_scene):
            raise ValueError("keep and missing_scene are for events: with layout 'sequences', leave them out")
        if self.columns.scene_id is None and self.missing_scene:
            raise ValueError("missing_scene has no use without columns.scene_id: all events are in the scene 'all'")
        if self.header is not None and self.format != "csv":
            raise ValueError(f"header names the columns of CSV: with format {self.format!r}, leave it out")
        if '"' in self.delimiter and self.quote == '"':
            raise ValueError("delimiter holds the quote that encloses fields: set quote to none, too")
        if self.format == "fields" and self.layout != "sequences":
            raise ValueError("format 'fields' holds sequences: set layout to 'sequences'")
        if self.format == "tfds" and self.layout != "events":
            raise ValueError("format 'tfds' is read as events: set layout to 'events'")
        return self


class WindowsConfig(ConfigModel):
    """How a user's events are cut into a history and a future."""

    cutoffs: tuple[datetime.datetime, ...] = ()
    """Times (UTC) at which history ends and future begins, rising; several make rolling windows."""
    history_days: pydantic.PositiveInt | None = None
    """Length of the history window; everything before the cutoff when null."""
    future_days: pydantic.PositiveInt | None = None
    """Length of the future window; everything from the cutoff on when null."""
    min_history: pydantic.PositiveInt = 1
    """Fewest history events of a sequence."""
    min_future: pydantic.PositiveInt = 1
    """Fewest future events of a sequence."""
    max_history: pydantic.PositiveInt = 100
    """The last this many history events are kept."""
    ties: Ties = "shuffled"
    """Order of a user's events at one time: a fixed pseudo-random one, or that of the log (files by path, then rows).

    Rows of one time often stand in the order of a catalogue, which a model then learns; `log` is for rows that are in
    the order of events.
    """

    @pydantic.field_validator("cutoffs", mode="before")
    @classmethod
    def _dates_are_times(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [
            datetime.datetime.combine(v, datetime.time())
            if isinstance(v, datetime.date) and not isinstance(v, datetime.datetime)
            else v
            for v in value
        ]

    @pydantic.field_validator("cutoffs", mode="after")
    @classmethod
    def _rising_utc(cls, value: tuple[datetime.datetime, ...]) -> tuple[datetime.datetime, ...]:
        value = tuple(
            (v if v.tzinfo else v.replace(tzinfo=datetime.timezone.utc)).astimezone(datetime.timezone.utc)
            for v in value
        )
        if list(value) != sorted(set(value)):
            raise ValueError("must rise, each cutoff once")
        return value


class SplitConfig(ConfigModel):
    """Which sequences train, validate and test."""

    by: Literal["user", "time", "last"] = "user"
    """`user`: by the user's hash, as `weights` says. `time`: the last cutoff tests, the one before validates.

    `last`, for logs without a common clock: the last event of each user tests, the one before validates, the one before
    that is what training predicts; it takes no cutoffs.
    """
    weights: dict[Literal["train", "val", "test"], pydantic.NonNegativeInt] = {"train": 8, "val": 1, "test": 1}
    """Relative sizes of a split by user; 0 leaves a split empty."""

    @pydantic.model_validator(mode="after")
    def _has_weights(self) -> "SplitConfig":
        if set(self.weights) != {"train", "val", "test"} or not self.weights["train"]:
            raise ValueError(f"weights needs train (above 0), val and test. Received: {self.weights}")
        return self


class IngestSettings(ConfigModel):
    """Everything that SequenceExampleGen needs, as one JSON document."""

    source: SourceConfig
    windows: WindowsConfig
    split: SplitConfig
    partitions: pydantic.PositiveInt
    demo: bool


def _list_values(wanted: Any) -> Any:
    """Returns the values that a row may hold as a list; a text alone is a comparison."""
    if isinstance(wanted, str):
        return wanted
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    return [value.isoformat() if isinstance(value, datetime.date) else value for value in values]  # YAML knows dates.
