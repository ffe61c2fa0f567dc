"""The rule that blesses a model or refuses it, as a pure function of measured values."""

import dataclasses
from collections.abc import Mapping

from model.config import EvaluationConfig
from model.evaluation.evaluate import Estimate
from model.evaluation.slices import MOST_SCENES


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a model may be pushed, and why.

    Attributes:
        blessed: true when every rule holds.
        reasons: one sentence a rule, broken rules first.
    """

    blessed: bool
    reasons: tuple[str, ...]


def judge(
    config: EvaluationConfig,
    candidate: Mapping[str, Estimate],
    baseline: Mapping[str, Estimate] | None,
    no_baseline: str = "no blessed model to compare with",
) -> Verdict:
    """Judges a candidate.

    Args:
        config: thresholds, and how far below the last blessed model a metric may fall.
        candidate: its metrics by ``task/metric`` and ``task/metric/slice``.
        baseline: those of the last blessed model on the same sequences, or None when there is none to compare with.
        no_baseline: why there is none.

    Returns:
        The verdict. A rule about what could not be measured is broken, and so is one about a value that is no number.
    """
    kept, broken = [], []
    for name, least in config.thresholds.items():
        if name not in candidate:
            broken.append(_not_measured(name))
            continue
        value = candidate[name].value
        holds = value >= least
        sentence = f"{name} {value:.4f} is {'at least' if holds else 'below'} the threshold {least:.4f}"
        (kept if holds else broken).append(sentence)
    if baseline is None:
        kept.append(no_baseline)
    else:
        for name, drop in config.max_drop.items():
            if name not in candidate or name not in baseline:
                broken.append(_not_measured(name))
                continue
            value, reference = candidate[name].value, baseline[name].value
            holds = value >= reference - drop
            relation = "no more than" if holds else "more than"
            sentence = f"{name} {value:.4f} is {relation} {drop:.4f} below the last blessed model's {reference:.4f}"
            (kept if holds else broken).append(sentence)
    if not broken and not kept:
        kept.append("evaluation.thresholds and evaluation.max_drop ask for nothing")
    return Verdict(blessed=not broken, reasons=(*broken, *kept))


def _not_measured(name: str) -> str:
    return (
        f"{name} could not be measured: fewer than two test sequences have to do with it (of scenes, the "
        f"{MOST_SCENES} in which most users were seen last are measured)"
    )
