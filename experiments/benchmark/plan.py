"""What a benchmark compares, and its runs in their order: after the first seed there is a full table."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from experiments.runs.run import Run, change_values
from model.methods import METHODS, Role
from model.questions import LABELS, NEXT, PERIOD, read_label, read_window
from pipeline.config import PipelineConfig
from schemas.dotted_keys import flatten
from schemas.errors import UserError

ALL = "all"
DSPNET: Literal["dspnet"] = "dspnet"
"""Both a method and a role."""
BASELINE: Literal["baseline"] = "baseline"
EQUAL_HEADS: Literal["equal_heads"] = "equal_heads"
ABLATION: Literal["ablation"] = "ablation"
"""The other roles of `model.methods.Role`."""

TunedValues = Mapping[tuple[str, str], Mapping[str, Any]]
"""The values that searches chose, by dotted key of the configuration, for each contestant and training target."""

_NO_VALUES: Mapping[str, Any] = {}
_NOTHING_TUNED: TunedValues = {}


@dataclasses.dataclass(frozen=True)
class BenchmarkSpec:
    """What a benchmark compares.

    Attributes:
        methods: names, as in `model.name`.
        seeds: seeds of the trained methods; statistical methods have nothing random, and run with the first seed alone.
        targets: questions that a method is trained on, as `model.questions.label_questions` writes them; each method
            gets all of them, because what a statistical method counts depends on them, too. A rival as published knows
            but one question, and is trained on each of a target alone.
        ablations: whether DSPnet, if it is among the methods, is also measured without its parts, and rivals with its
            heads.
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
class Contestant:
    """A method in a form in which it competes.

    Attributes:
        name: name that is unique, and fit for a folder.
        label: label of its rows.
        method: name of the method, as in `model.name`.
        role: what it is in the comparison.
        target: what it is trained on.
        values: what it changes in the configuration that all share, by dotted key.
    """

    name: str
    label: str
    method: str
    role: Role
    target: str
    values: Mapping[str, Any] = dataclasses.field(hash=False)


Study = Literal["regularisation", "fusion", "ideas"]
"""What an ablation is about: the paper's regularisation (Table 1), its sequence feature enhancement (Table 2), or what
this project adds."""


@dataclasses.dataclass(frozen=True)
class Ablation:
    """DSPnet with a part left out, added, or made smaller or larger.

    Attributes:
        name: name that is fit for a folder.
        label: label, as in the paper.
        study: what the ablation is about.
        values: what the ablation changes in the configuration, by dotted key.
        adds: whether the part is added, and only where DSPnet does not have it: where the values are 0.
    """

    name: str
    label: str
    study: Study
    values: Mapping[str, Any]
    adds: bool = False


_NO_APR = {"training.adversarial.weight": 0.0}
_NO_CCR = {"training.contrastive.weight": 0.0}

ABLATIONS = (
    Ablation("wo-apr-ccr", "w/o APR, CCR", "regularisation", _NO_APR | _NO_CCR),
    Ablation("wo-ccr", "w/o CCR", "regularisation", _NO_CCR),
    Ablation("wo-apr", "w/o APR", "regularisation", _NO_APR),
    Ablation("wo-concat", "w/o concat", "fusion", {"model.interplay": False}),
    Ablation("wo-mlp", "w/o MLP", "fusion", {"model.fusion_layers": 0}),
    Ablation("mlp-layers-1", "MLP_layers=1", "fusion", {"model.fusion_layers": 1}),
    Ablation("mlp-layers-3", "MLP_layers=3", "fusion", {"model.fusion_layers": 3}),
    Ablation("next-alone", "next alone", "ideas", {"training.questions": [NEXT]}),
    Ablation("period-alone", "period alone", "ideas", {"training.questions": [PERIOD]}),
    Ablation("wo-head-dropout", "w/o head dropout", "ideas", {"model.head_dropout": 0.0}),
    Ablation("wo-event-mask", "w/o event mask", "ideas", {"training.event_mask": 0.0}),
    Ablation(
        "wo-both",
        "w/o head dropout, event mask",
        "ideas",
        {"model.head_dropout": 0.0, "training.event_mask": 0.0},
    ),
    Ablation("wo-average", "w/o average of weights", "ideas", {"training.average_decay": 0.0}),
    Ablation("wo-times", "w/o times", "ideas", {"model.times": False}),
    Ablation("wo-repeat-head", "w/o repeat head", "ideas", {"model.repeat_head": False}),
    Ablation("wo-scene-head", "w/o scene head", "ideas", {"model.scene_head": False}),
    Ablation("with-apr", "with APR", "ideas", {"training.adversarial.weight": 1e-2}, adds=True),
    Ablation("with-ccr", "with CCR", "ideas", {"training.contrastive.weight": 1e-2}, adds=True),
)
"""The ablations of Tables 1 and 2, in the order of the paper, and those of this project's own ideas; DSPnet-, which has
another encoder, is a method."""


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
        targets=(config.training.target,) if targets is None else _read_targets(targets),
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
    contestants = list_contestants(spec)
    return [
        run
        for seed in spec.seeds
        for run in (
            *_plan_contestants(config, contestants, tuned, seed, seed == first),
            *(_plan_ablations(config, contestants, tuned, seed) if spec.ablations else ()),
        )
    ]


def list_contestants(spec: BenchmarkSpec) -> list[Contestant]:
    """Returns who competes, in the order of the methods.

    Rivals that learn are as published, trained on one question at a time; those that can have DSPnet's heads follow
    once more with them, unless no ablations are wanted.
    """
    return list(dict.fromkeys(contestant for name in spec.methods for contestant in _list_forms(name, spec)))


def configure_contestant(
    config: PipelineConfig, contestant: Contestant, seed: int, values: Mapping[str, Any] = _NO_VALUES
) -> PipelineConfig:
    """Returns the configuration of one contestant.

    Args:
        config: configuration that all share.
        contestant: who competes.
        seed: seed, as in `training.seed`.
        values: other values that are changed, by dotted key.

    Raises:
        UserError: if a value does not fit the configuration.
    """
    chosen: dict[str, Any] = {
        "model.name": contestant.method,
        "training.questions": read_label(contestant.target),
        "training.seed": seed,
        **contestant.values,
    }
    chosen["serving.retrieval"] = "exact"  # an index would be measured along with the method, and not all can have one
    # What makes a method what its paper says is not searched.
    chosen["tuning.space"] = {
        key: values.model_dump(mode="json")
        for key, values in config.tuning.space.items()
        if key not in contestant.values
    }
    negatives = METHODS[contestant.method].default_negatives
    if negatives is not None and config.training.candidates.sampling == "none":
        chosen |= {"training.candidates.sampling": "uniform", "training.candidates.number": negatives}
    return change_values(config, chosen | dict(values))


def _list_forms(name: str, spec: BenchmarkSpec) -> Iterator[Contestant]:
    method = METHODS[name]
    folder = name.replace("_", "-")
    rival = method.trained and method.role == BASELINE
    for target in spec.targets:
        for question in read_label(target) if rival else [target]:
            yield Contestant(folder, method.title, name, method.role, question, method.as_published)
    for target in spec.targets if rival and method.equal_heads and spec.ablations else ():
        yield Contestant(f"{folder}-equal-heads", f"{method.title}+", name, EQUAL_HEADS, target, _NO_VALUES)


def _plan_contestants(
    config: PipelineConfig, contestants: Sequence[Contestant], tuned: TunedValues, seed: int, is_first: bool
) -> Iterator[Run]:
    for contestant in contestants:
        trained = METHODS[contestant.method].trained
        if not (trained or is_first):
            continue
        values = tuned.get((contestant.name, contestant.target), _NO_VALUES)
        suffix = f"-seed{seed}" if trained else ""
        yield Run(
            name=f"{contestant.name}-{contestant.target}{suffix}",
            label=contestant.label,
            role=contestant.role,
            config=configure_contestant(config, contestant, seed, values),
            tuned=values,
        )


def _plan_ablations(
    config: PipelineConfig, contestants: Sequence[Contestant], tuned: TunedValues, seed: int
) -> Iterator[Run]:
    """Yields DSPnet without its parts, each once, for the first target, unless DSPnet never had the part."""
    own = next((contestant for contestant in contestants if contestant.name == DSPNET), None)
    if own is None:
        return
    values = tuned.get((own.name, own.target), _NO_VALUES)
    whole = configure_contestant(config, own, seed, values)
    known = [whole]
    present = flatten(whole.model_dump(mode="json"))
    for ablation in ABLATIONS:
        if ablation.adds and any(present[key] for key in ablation.values):
            continue
        changed = change_values(whole, ablation.values)
        if changed not in known:
            known.append(changed)
            kept = {key: value for key, value in values.items() if key not in ablation.values}
            yield Run(f"{own.name}-{ablation.name}-{own.target}-seed{seed}", ablation.label, "ablation", changed, kept)


def _read_targets(text: str) -> tuple[str, ...]:
    """Reads targets, with commas between; what questions go together, the configuration checks."""
    targets = tuple(dict.fromkeys(filter(None, (target.strip() for target in text.split(",")))))
    if not targets:
        raise UserError(f"--targets: expected some of {', '.join(LABELS)}. Received: {text!r}")
    for target in targets:
        for question in read_label(target):
            try:
                read_window(question)
            except ValueError as error:
                raise UserError(f"--targets: {error}") from error
    return targets


def _read_names(option: str, text: str, known: Sequence[str], alternative: str = "") -> tuple[str, ...]:
    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UserError(f"{option}: expected some of {', '.join(known)}{alternative}. Received: {text!r}")
    return names
