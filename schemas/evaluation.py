"""What RankingEvaluator writes and others read: names of files and columns, and the content of ``evaluation.json``.

What could not be measured is left out of ``evaluation.json``. ``sequences.parquet`` has one row a test sequence of the
candidate.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

EVALUATION_FILE = "evaluation.json"
TABLE_FILE = "evaluation.txt"
SEQUENCES_FILE = "sequences.parquet"

USER_COLUMN = "user_id"
"""The user's hash, as in the examples."""
SEQUENCE_COLUMN = "sequence"
"""int64, a digest of user and future."""
GROUP_COLUMN = "group"
"""One of ``low``, ``medium``, ``high``, by length of the history. All other columns are metrics, float32."""

_NEEDED = ("name", "sequences", "digest", "k")


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean over test sequences, or a difference of two such means, and how sure it is.

    Attributes:
        value: the mean.
        low: lower end of its bootstrap 95% interval over users; None where there are too few users for one.
        high: upper end of that interval; None where there are too few users for one.
    """

    value: float
    low: float | None
    high: float | None


@dataclasses.dataclass(frozen=True)
class Metric(Estimate):
    """A metric of one model.

    Attributes:
        sequences: number of sequences that the metric is a mean over.
    """

    sequences: int


@dataclasses.dataclass(frozen=True)
class Difference(Estimate):
    """A metric of one model minus the same metric of another, paired by sequence.

    Attributes:
        p_value: two-sided p-value of the paired t-test on users, not corrected for the number of tests; None where
            fewer than two users were measured.
    """

    p_value: float | None


@dataclasses.dataclass(frozen=True)
class Slice:
    """A part of the test split.

    Attributes:
        title: what the part is, in words.
        sequences: number of sequences that have to do with it; for a slice of targets, those with such a target in
            their future.
    """

    title: str
    sequences: int


@dataclasses.dataclass(frozen=True)
class ModelEvaluation:
    """What was measured of one model.

    Attributes:
        metrics: by ``task/metric`` or, in a slice, ``task/metric/slice``; what was measured of fewer than two sequences
            is absent.
        unknown_share: share of targets outside the model's catalogue, which count as misses, by task; a task without
            targets is absent.
    """

    metrics: Mapping[str, Metric]
    unknown_share: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class CatalogueSizes:
    """Numbers of items and of scenes that can be recommended."""

    items: int
    scenes: int


@dataclasses.dataclass(frozen=True)
class Ties:
    """How often several events tie as what comes next.

    Attributes:
        share: share of test sequences with several next items, distinct ones at the earliest time of the future.
        mean_items: mean number of next items of a test sequence.
    """

    share: float
    mean_items: float


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a model may be pushed, and why.

    Attributes:
        blessed: true when every rule holds.
        reasons: one sentence a rule, broken rules first.
    """

    blessed: bool
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was measured on the test split: the content of ``evaluation.json``.

    Attributes:
        sequences: number of test sequences.
        digest: digest of the test users and their futures; runs with the same digest can be compared.
        k: cut-offs of the metrics.
        slices: parts of the test split that are measured by themselves, by name.
        models: by name, the candidate first.
        differences: the candidate minus each other model, by the model's name, then by metric.
        catalogue: sizes of the train split's catalogues; None in a file of an older version.
        ties: how often several items come next; None in a file of an older version, where only one did.
        name: name of the pipeline.
        settings: the section ``evaluation`` of the configuration.
        verdict: whether the candidate is blessed; None before it is judged.
    """

    sequences: int
    digest: str
    k: tuple[int, ...]
    slices: Mapping[str, Slice]
    models: Mapping[str, ModelEvaluation]
    differences: Mapping[str, Mapping[str, Difference]]
    catalogue: CatalogueSizes | None = None
    ties: Ties | None = None
    name: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    verdict: Verdict | None = None

    @property
    def candidate(self) -> str:
        """Name of the model that the evaluation is about."""
        return next(iter(self.models))

    def to_json(self) -> dict[str, Any]:
        """Returns the content of ``evaluation.json``, its keys in a fixed order."""
        return {
            "name": self.name,
            "sequences": self.sequences,
            "digest": self.digest,
            "slices": {name: dataclasses.asdict(part) for name, part in self.slices.items()},
            "models": {name: dataclasses.asdict(model) for name, model in self.models.items()},
            "differences": {
                model: {metric: dataclasses.asdict(difference) for metric, difference in of_model.items()}
                for model, of_model in self.differences.items()
            },
            "catalogue": None if self.catalogue is None else dataclasses.asdict(self.catalogue),
            "ties": None if self.ties is None else dataclasses.asdict(self.ties),
            "k": list(self.k),
            "settings": dict(self.settings),
            "verdict": None if self.verdict is None else dataclasses.asdict(self.verdict),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Evaluation":
        """Returns the evaluation that ``evaluation.json`` holds.

        Raises:
            ValueError: if the content is not that of an evaluation, or an older version left out what is needed; says
                what is wrong.
        """
        missing = [key for key in _NEEDED if key not in content]
        if missing:
            raise ValueError(f"has no {', '.join(missing)}; an older version of DSPnet wrote it.")
        try:
            return cls(
                sequences=content["sequences"],
                digest=content["digest"],
                k=tuple(content["k"]),
                slices={name: Slice(**part) for name, part in content.get("slices", {}).items()},
                models={
                    name: ModelEvaluation(
                        {metric: Metric(**found) for metric, found in model["metrics"].items()},
                        model.get("unknown_share", {}),
                    )
                    for name, model in content.get("models", {}).items()
                },
                differences={
                    model: {metric: Difference(**found) for metric, found in of_model.items()}
                    for model, of_model in content.get("differences", {}).items()
                },
                catalogue=CatalogueSizes(**content["catalogue"]) if content.get("catalogue") else None,
                ties=Ties(**content["ties"]) if content.get("ties") else None,
                name=str(content["name"]),
                settings=content.get("settings", {}),
                verdict=_read_verdict(content["verdict"]) if content.get("verdict") else None,
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"is damaged: it does not hold an evaluation: {error}.") from error


def parse_evaluation(text: str | bytes) -> Evaluation:
    """Returns the evaluation that the text of ``evaluation.json`` holds.

    Raises:
        ValueError: if the text is not JSON or not an evaluation; says what is wrong.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"is damaged, it holds no JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ValueError("is damaged: expected a JSON object.")
    return Evaluation.from_json(content)


def _read_verdict(content: Mapping[str, Any]) -> Verdict:
    return Verdict(blessed=content["blessed"], reasons=tuple(content["reasons"]))
