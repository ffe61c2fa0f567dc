"""The rule that blesses a model or refuses it, as a pure function of measured values."""

from collections.abc import Mapping

from model.config import EvaluationConfig
from model.evaluation.slices import MOST_SCENES
from schemas.evaluation import Metric, Verdict

NO_BASELINE = "no blessed model to compare with"


def judge(
    config: EvaluationConfig,
    candidate: Mapping[str, Metric],
    baseline: Mapping[str, Metric] | None,
    no_baseline: str = NO_BASELINE,
) -> Verdict:
    """Judges a candidate.

    Args:
        config: thresholds, and how far below the last blessed model a metric may fall.
        candidate: metrics of the candidate by ``task/metric`` and ``task/metric/slice``.
        baseline: metrics of the last blessed model on the same sequences; None when there is no such model.
        no_baseline: why there is no baseline.

    Returns:
        The verdict. A rule about a metric that could not be measured, or that is NaN, is broken.
    """
    kept: list[str] = []
    broken: list[str] = []
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
