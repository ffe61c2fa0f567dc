"""The rule that blesses a model or refuses it, as a pure function of measured values."""

import dataclasses
from collections.abc import Mapping

from model.config import EvaluationConfig


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a model may be pushed, and why.

    Attributes:
        blessed: true when every rule holds.
        reasons: one sentence a rule, broken rules first.
    """

    blessed: bool
    reasons: tuple[str, ...]


def judge(config: EvaluationConfig, candidate: Mapping[str, float], baseline: Mapping[str, float] | None) -> Verdict:
    """Judges a candidate.

    Args:
        config: thresholds, and how far below the last blessed model a metric may fall.
        candidate: its value of each ``task/metric@k``.
        baseline: values of the last blessed model on the same sequences, or None when there is none.

    Returns:
        The verdict. A value that is not a number breaks every rule about it.
    """
    kept, broken = [], []
    for name, least in config.thresholds.items():
        value = candidate[name]
        holds = value >= least
        sentence = f"{name} {value:.4f} is {'at least' if holds else 'below'} the threshold {least:.4f}"
        (kept if holds else broken).append(sentence)
    if baseline is None:
        kept.append("no blessed model to compare with")
    else:
        for name, drop in config.max_drop.items():
            value, reference = candidate[name], baseline[name]
            holds = value >= reference - drop
            relation = "no more than" if holds else "more than"
            sentence = f"{name} {value:.4f} is {relation} {drop:.4f} below the last blessed model's {reference:.4f}"
            (kept if holds else broken).append(sentence)
    if not broken and not kept:
        kept.append("evaluation.thresholds and evaluation.max_drop ask for nothing")
    return Verdict(blessed=not broken, reasons=(*broken, *kept))
