"""The rule that blesses a model or refuses it, as a pure function of measured values."""

from collections.abc import Mapping
from types import MappingProxyType

from model.config import EvaluationConfig
from model.evaluation.comparison import SIGNIFICANCE
from model.evaluation.slices import MOST_SCENES
from model.methods import METHODS
from reporting.numbers import FORMATS
from reporting.titles import TASKS, pick_headline_k
from schemas.evaluation import Difference, Metric, Verdict

NO_BASELINE = "no blessed model to compare with"


def judge(
    config: EvaluationConfig,
    candidate: Mapping[str, Metric],
    baseline: Mapping[str, Metric] | None,
    no_baseline: str = NO_BASELINE,
    differences: Mapping[str, Mapping[str, Difference]] = MappingProxyType({}),
) -> Verdict:
    """Judges a candidate.

    Args:
        config: thresholds, what it must not be worse than, and how far below the last blessed model a metric may fall.
        candidate: metrics of the candidate by ``task/metric`` and ``task/metric/slice``.
        baseline: metrics of the last blessed model on the same sequences; None when there is no such model.
        no_baseline: why there is no baseline.
        differences: the candidate minus each other model, by title, then by metric; a model of `config.not_below` that
            is absent is the candidate itself.

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
    for method in config.not_below:
        title = METHODS[method].title
        for name in list_watched(config) if title in differences else ():
            if name not in candidate or name not in differences[title]:
                broken.append(_not_measured(name))
                continue
            holds, sentence = _compare(name, candidate[name].value, differences[title][name], title)
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
        kept.append("evaluation.thresholds, evaluation.max_drop and evaluation.not_below ask for nothing")
    # Two rules about what was not measured give one reason.
    return Verdict(blessed=not broken, reasons=tuple(dict.fromkeys((*broken, *kept))))


def list_watched(config: EvaluationConfig) -> tuple[str, ...]:
    """Returns the metrics on which a model is compared with `config.not_below`: those of tasks that thresholds name.

    Where there are none it is Recall of the next item, at 10 or, if that is not measured, at the largest k.
    """
    named = tuple(name for name in config.thresholds if name.partition("/")[0] in TASKS)
    return named or (f"next_item/recall@{pick_headline_k(config.k)}",)


def _compare(name: str, value: float, difference: Difference, title: str) -> tuple[bool, str]:
    """Returns whether a metric is not significantly below that of a reference, and a sentence that says so."""
    reference = f"the {value - difference.value:.4f} of {title}"
    if not difference.value < 0:
        return True, f"{name} {value:.4f} is not below {reference}"
    p_value = difference.p_value
    holds = p_value is None or p_value >= SIGNIFICANCE
    relation = "not significantly below" if holds else "significantly below"
    shown = "" if p_value is None else f" (p {FORMATS['p'](p_value)})"
    return holds, f"{name} {value:.4f} is {relation} {reference}{shown}"


def _not_measured(name: str) -> str:
    return (
        f"{name} could not be measured: fewer than two test sequences have to do with it (of scenes, the "
        f"{MOST_SCENES} in which most users were seen last are measured)"
    )
