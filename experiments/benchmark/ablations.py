"""DSPnet without one of its parts: the ablations of Tables 1 and 2 of the paper."""

import dataclasses
from collections.abc import Mapping
from typing import Any

_NO_APR = {"training.adversarial.weight": 0.0}
_NO_CCR = {"training.contrastive.weight": 0.0}


@dataclasses.dataclass(frozen=True)
class Ablation:
    """A part that is left out, or made smaller or larger.

    Attributes:
        name: fit for a folder.
        label: as in the paper.
        values: what it changes in the configuration, by key.
    """

    name: str
    label: str
    values: Mapping[str, Any]


ABLATIONS = (
    Ablation("wo-apr-ccr", "w/o APR, CCR", _NO_APR | _NO_CCR),
    Ablation("wo-ccr", "w/o CCR", _NO_CCR),
    Ablation("wo-apr", "w/o APR", _NO_APR),
    Ablation("wo-concat", "w/o concat", {"model.interplay": False}),
    Ablation("wo-mlp", "w/o MLP", {"model.fusion_layers": 0}),
    Ablation("mlp-layers-1", "MLP_layers=1", {"model.fusion_layers": 1}),
    Ablation("mlp-layers-3", "MLP_layers=3", {"model.fusion_layers": 3}),
)
"""In the order of the paper; DSPnet-, which has another encoder, is a method of its own."""
