"""What a benchmark compares, and its runs in their order: after the first seed there is a full table."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.runs.run import Run, change_values
from model.methods import METHODS
from model.questions import LABELS, read_label
from pipeline.config import PipelineConfig
from schemas.errors import UserError

ALL = "all"
DSPNET = "dspnet"

TunedValues = Mapping[tuple[str, str], Mapping[str, Any]]
"""The values that searches chose, by dotted key of the configuration, for each method and training target."""

_NO_VALUES: Mapping[str, Any] = {}
_NOTHING_TUNED: TunedValues = {}


@dataclasses.dataclass(frozen=True)
class BenchmarkSpec:
    """What a benchmark compares.

    Attributes:
        methods: names, as in `model.name`.
        seeds: seeds of the trained methods; statistical methods have nothing random, and run with the first seed alone.
        targets: questions that a method is trained on, as `model.questions.label_questions` writes them; each method
            gets all of them, because what a statistical method counts depends on them, too.
        ablations: whether DSPnet, if it is among the methods, is also measured without its parts.
    """

    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    targets: tuple[str, ...]
    ablations: bool = True


@dataclasses.dataclass(frozen=True)
class Limits:
    """What each method may cost.

    Attributes:
        memory_limit: bytes that a run may take; None for all there are.
        trials: trials of the search that each trained method gets before its runs; 0 for no search.
    """

    memory_limit: int | None
    trials: int = 0


@dataclasses.dataclass(frozen=True)
class Ablation:
    """DSPnet with a part left out, or made smaller or larger.

    Attributes:
        name: name that is fit for a folder.
        label: label, as in the paper.
        values: what the ablation changes in the configuration, by dotted key.
    """

    name: str
    label: str
    values: Mapping[str, Any]

    @property
    def changes_fusion(self) -> bool:
        """Whether the part belongs to the sequence feature enhancement, which has a table of its own (Table 2)."""
        return any(key.startswith("model.") for key in self.values)


_NO_APR = {"training.adversarial.weight": 0.0}
_NO_CCR = {"training.contrastive.weight": 0.0}

ABLATIONS = (
    Ablation("wo-apr-ccr", "w/o APR, CCR", _NO_APR | _NO_CCR),
    Ablation("wo-ccr", "w/o CCR", _NO_CCR),
    Ablation("wo-apr", "w/o APR", _NO_APR),
    Ablation("wo-concat", "w/o concat", {"model.interplay": False}),
    Ablation("wo-mlp", "w/o MLP", {"model.fusion_layers": 0}),
    Ablation("mlp-layers-1", "MLP_layers=1", {"model.fusion_layers": 1}),
    Ablation("mlp-layers-3", "MLP_layers=3", {"model.fusion_layers": 3}),
)
"""The ablations of Tables 1 and 2, in the order of the paper; DSPnet-, which has another encoder, is a method."""


def read_spec(
    config: PipelineConfig, methods: str = ALL, seeds: int = 1, targets: str | None = None, ablations: bool = True
) -> BenchmarkSpec:
    """Reads what a person has chosen to compare.

    Args:
        config: configuration that gives the first seed, and the target where none is chosen.
        methods: names of methods, with commas between, or ``all``.
        seeds: number of seeds.
        targets: what is trained on, with commas between, as in ``next,next+period``; None for the questions of the
            configuration.
        ablations: whether DSPnet is also measured without its parts.

    Raises:
        UserError: if an option is wrong; names the option, what it was given and what is allowed.
    """
    if seeds < 1:
        raise UserError(f"--seeds: must be at least 1. Received: {seeds}")
    every_method = methods.strip() == ALL
    return BenchmarkSpec(
        methods=tuple(METHODS) if every_method else _read_names("--methods", methods, tuple(METHODS), f" or {ALL}"),
        seeds=tuple(config.training.seed + number for number in range(seeds)),
        targets=(config.training.target,) if targets is None else _read_names("--targets", targets, LABELS),
        ablations=ablations,
    )


def plan_runs(config: PipelineConfig, spec: BenchmarkSpec, tuned: TunedValues = _NOTHING_TUNED) -> list[Run]:
    """Returns the runs of a benchmark: seed by seed, and for each seed first the methods, then the ablations.

    Args:
        config: configuration that all runs share.
        spec: what is compared.
        tuned: values that searches chose; ablations start from the tuned DSPnet.

    Raises:
        UserError: if a value does not fit the configuration.
    """
    first = spec.seeds[0]
    return [
        run
        for seed in spec.seeds
        for run in (
            *_plan_methods(config, spec, tuned, seed, seed == first),
            *_plan_ablations(config, spec, tuned, seed),
        )
    ]


def configure_method(
    config: PipelineConfig, method: str, target: str, seed: int, values: Mapping[str, Any] = _NO_VALUES
) -> PipelineConfig:
    """Returns the configuration of one method.

    Args:
        config: configuration that all methods share.
        method: name of the method, as in `model.name`.
        target: what is trained on, as `model.questions.label_questions` writes it.
        seed: seed, as in `training.seed`.
        values: other values that are changed, by dotted key.

    Raises:
        UserError: if a value does not fit the configuration.
    """
    chosen: dict[str, Any] = {
        "model.name": method,
        "training.questions": read_label(target),
        "training.seed": seed,
    }
    chosen["serving.retrieval"] = "exact"  # an index would be measured along with the method, and not all can have one
    negatives = METHODS[method].default_negatives
    if negatives is not None and config.training.candidates.sampling == "none":
        chosen |= {"training.candidates.sampling": "uniform", "training.candidates.number": negatives}
    return change_values(config, chosen | dict(values))


def _plan_methods(
    config: PipelineConfig, spec: BenchmarkSpec, tuned: TunedValues, seed: int, is_first: bool
) -> Iterator[Run]:
    for name in spec.methods:
        method = METHODS[name]
        if not (method.trained or is_first):
            continue
        for target in spec.targets:
            values = tuned.get((name, target), _NO_VALUES)
            suffix = f"-seed{seed}" if method.trained else ""
            yield Run(
                name=f"{name.replace('_', '-')}-{target}{suffix}",
                label=method.title,
                role=method.role,
                config=configure_method(config, name, target, seed, values),
                tuned=values,
            )


def _plan_ablations(config: PipelineConfig, spec: BenchmarkSpec, tuned: TunedValues, seed: int) -> Iterator[Run]:
    """Yields DSPnet without its parts, each once, for the first target, unless DSPnet never had the part."""
    if not spec.ablations or DSPNET not in spec.methods:
        return
    target = spec.targets[0]
    values = tuned.get((DSPNET, target), _NO_VALUES)
    whole = configure_method(config, DSPNET, target, seed, values)
    known = [whole]
    for ablation in ABLATIONS:
        changed = change_values(whole, ablation.values)
        if changed not in known:
            known.append(changed)
            kept = {key: value for key, value in values.items() if key not in ablation.values}
            yield Run(f"{DSPNET}-{ablation.name}-{target}-seed{seed}", ablation.label, "ablation", changed, kept)


def _read_names(option: str, text: str, known: Sequence[str], alternative: str = "") -> tuple[str, ...]:
    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UserError(f"{option}: expected some of {', '.join(known)}{alternative}. Received: {text!r}")
    return names
