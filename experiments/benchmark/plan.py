"""Which cells a benchmark has, and in which order: after the first seed there is a full table."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.benchmark.ablations import ABLATIONS
from experiments.runs.run import Run, with_values
from model.config import TARGETS
from model.methods import METHODS
from pipeline.config import PipelineConfig
from schemas.errors import UserError

ALL = "all"
DSPNET = "dspnet"

Tuned = Mapping[tuple[str, str], Mapping[str, Any]]
"""By method and target, the keys that a search chose, with their values."""

_NO_VALUES: Mapping[str, Any] = {}
_NOT_TUNED: Tuned = {}


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is compared.

    Attributes:
        methods: names, as in `model.name`.
        seeds: of the methods that learn; those that count have nothing random, and the first seed alone.
        targets: `training.target`; each method gets all of them, for what is counted depends on it, too.
        ablations: whether DSPnet, if it is among the methods, is also measured without its parts.
    """

    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    targets: tuple[str, ...]
    ablations: bool = True


def read_choice(
    config: PipelineConfig, methods: str = ALL, seeds: int = 1, targets: str | None = None, ablations: bool = True
) -> Choice:
    """Reads what a person has chosen to compare.

    Args:
        config: gives the first seed, and the target where none is chosen.
        methods: names, with commas between, or ``all``.
        seeds: how many.
        targets: likewise names; None for that of the configuration.
        ablations: whether DSPnet is also measured without its parts.

    Raises:
        UserError: names the option, what it was given and what is allowed.
    """
    if seeds < 1:
        raise UserError(f"--seeds: must be at least 1. Received: {seeds}")
    chosen = tuple(METHODS) if methods.strip() == ALL else _names("--methods", methods, [*METHODS], f" or {ALL}")
    return Choice(
        methods=chosen,
        seeds=tuple(config.training.seed + number for number in range(seeds)),
        targets=(config.training.target,) if targets is None else _names("--targets", targets, TARGETS),
        ablations=ablations,
    )


def plan(config: PipelineConfig, choice: Choice, tuned: Tuned = _NOT_TUNED) -> list[Run]:
    """Returns the cells of a benchmark: seed by seed, and of each seed first the methods, then the ablations.

    Args:
        config: the configuration that all share.
        choice: what is compared.
        tuned: what searches chose; ablations are of the tuned DSPnet.

    Raises:
        UserError: if a value does not fit the configuration.
    """
    first = choice.seeds[0]
    return [
        cell
        for seed in choice.seeds
        for cell in (*_methods(config, choice, tuned, seed, seed == first), *_ablations(config, choice, tuned, seed))
    ]


def method_config(
    config: PipelineConfig, method: str, target: str, seed: int, values: Mapping[str, Any] = _NO_VALUES
) -> PipelineConfig:
    """Returns the configuration of one method.

    Args:
        config: the configuration that all share.
        method: as in `model.name`.
        target: as in `training.target`.
        seed: as in `training.seed`.
        values: what else is changed, by key.

    Raises:
        UserError: if a value does not fit the configuration.
    """
    chosen: dict[str, Any] = {"model.name": method, "training.target": target, "training.seed": seed}
    chosen["serving.retrieval"] = "exact"  # an index would be measured along with the method, and not all can have one
    negatives = METHODS[method].default_negatives
    if negatives is not None and config.training.candidates.sampling == "none":
        chosen |= {"training.candidates.sampling": "uniform", "training.candidates.number": negatives}
    return with_values(config, chosen | dict(values))


def _methods(config: PipelineConfig, choice: Choice, tuned: Tuned, seed: int, is_first: bool) -> Iterator[Run]:
    for name in choice.methods:
        method = METHODS[name]
        if method.trained or is_first:
            for target in choice.targets:
                values = tuned.get((name, target), _NO_VALUES)
                its_seed = f"-seed{seed}" if method.trained else ""
                its_config = method_config(config, name, target, seed, values)
                yield Run(f"{_slug(name)}-{target}{its_seed}", method.title, method.role, its_config, values)


def _ablations(config: PipelineConfig, choice: Choice, tuned: Tuned, seed: int) -> Iterator[Run]:
    """Yields DSPnet without its parts, each once, for the first target, unless it never had them."""
    if not choice.ablations or DSPNET not in choice.methods:
        return
    target = choice.targets[0]
    values = tuned.get((DSPNET, target), _NO_VALUES)
    whole = method_config(config, DSPNET, target, seed, values)
    known = [whole]
    for ablation in ABLATIONS:
        without = with_values(whole, ablation.values)
        if without not in known:
            known.append(without)
            kept = {key: value for key, value in values.items() if key not in ablation.values}
            yield Run(f"{DSPNET}-{ablation.name}-{target}-seed{seed}", ablation.label, "ablation", without, kept)


def _slug(name: str) -> str:
    return name.replace("_", "-")


def _names(option: str, text: str, known: Sequence[str], besides: str = "") -> tuple[str, ...]:
    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UserError(f"{option}: expected some of {', '.join(known)}{besides}. Received: {text!r}")
    return names
