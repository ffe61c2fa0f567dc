"""The registry of methods: all that `model.name` may name, and what every other part of the project asks about one.

A method is added by one file, with its network and what trains it (or with a function that fits it by counting), and
by one entry here. Classes are named, not imported, so that reading a configuration imports no TensorFlow.
"""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

Objective = Literal["bce", "softmax", "gbce"]
Role = Literal["dspnet", "baseline", "equal_heads", "ablation"]

SearchSpace: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Ranges by key of the configuration, as `tuning.space` has them."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to recommend: trained by gradient descent (`network`), or statistical, fitted by counting once (`fit`).

    Attributes:
        name: value of `model.name`.
        title: name in the tables of papers.
        source: where the method comes from.
        sees_scenes: whether scenes of the history inform which items are recommended.
        network: class of a trained method's network, a `model.networks.base.Network`, as in ``package.module:Class``.
        recommender: class that trains the network, a `model.training.recommender.Recommender`.
        fit: function that makes a statistical method's network, a `model.baselines.statistical_network.Fit`.
        objectives: values of `training.objective` that the method can be trained by; the first is taken where the
            configured one is not among them.
        scores_by_inner_product: whether a trained method scores an item by an inner product with the item's vector.
        trains_on_histories: whether items of histories are targets of training, whatever `training.questions` are.
        default_negatives: negatives a step in a comparison of methods whose configuration compares the whole
            catalogue, for a method that would need too much memory for that.
        search_space: keys that `dspnet tune` searches for this method alone.
        search_space_of_bce: ranges that take the place of `search_space` under `bce` and `gbce`, whose losses are
            thousands of times smaller than those of `softmax`; None where the objective makes no difference.
        as_published: values, by dotted key, that leave out what this project adds to every trained method; a comparison
            sets them, so that a method is what its paper says.
        equal_heads: whether a comparison also has the method with what DSPnet has beyond its encoders: heads, times,
            questions and hidden events.
        step_cost: time of the prediction part of a training step, as in Table 5 of the paper; empty where it has none.
        role: what the method is in a comparison: DSPnet, an ablation of it, or a baseline; with DSPnet's heads, a
            baseline has the role ``equal_heads``.
    """

    name: str
    title: str
    source: str
    _: dataclasses.KW_ONLY
    sees_scenes: bool = False
    network: str = ""
    recommender: str = "model.training.recommender:Recommender"
    fit: str = ""
    objectives: tuple[Objective, ...] = get_args(Objective)
    scores_by_inner_product: bool = True
    trains_on_histories: bool = False
    default_negatives: int | None = None
    search_space: SearchSpace = dataclasses.field(default_factory=dict, hash=False)
    search_space_of_bce: SearchSpace | None = dataclasses.field(default=None, hash=False)
    as_published: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    equal_heads: bool = False
    step_cost: str = ""
    role: Role = "baseline"

    def __post_init__(self) -> None:
        """Checks that the method is either trained or statistical.

        Raises:
            ValueError: if it is neither or both.
        """
        if bool(self.network) == bool(self.fit):
            raise ValueError(
                f"Method {self.name!r} needs network=, if it is trained, or fit=, if it is statistical, and not both. "
                f"Received: network={self.network!r}, fit={self.fit!r}"
            )

    @property
    def trained(self) -> bool:
        """Whether the method is trained by gradient descent, epoch by epoch; else it is statistical."""
        return bool(self.network)

    @property
    def has_item_vectors(self) -> bool:
        """Whether an item is scored by an inner product with the item's vector, as an approximate index needs."""
        return self.trained and self.scores_by_inner_product

    def objective(self, configured: Objective) -> Objective:
        """Returns what the method is trained by, given `training.objective`: some are defined by their objective."""
        return configured if configured in self.objectives else self.objectives[0]


def load(path: str) -> Any:
    """Imports a class or function.

    Args:
        path: as in ``model.baselines.carca:CARCANetwork``.
    """
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _search_dspnet(*weights: float) -> SearchSpace:
    """Returns what is searched for DSPnet, with some weights of L_APR and L_CCR (Eq. 9) beside none."""
    weight = {"choices": [0.0, *weights]}
    return {
        "model.times": {"choices": [True, False]},
        "training.adversarial.weight": weight,
        "training.contrastive.weight": weight,
    }


_PLAIN: Mapping[str, Any] = {
    "model.popularity_prior": False,
    "model.scene_head": False,
    "model.repeat_head": False,
    "model.times": False,
    "model.head_dropout": 0.0,
    "training.event_mask": 0.0,
    "training.average_decay": 0.0,
}
_WITH_BIAS: Mapping[str, Any] = {**_PLAIN, "model.popularity_prior": True}
_CROSS_ENTROPY: tuple[Objective, ...] = ("softmax",)
_CONTEXT_CONTRAST: SearchSpace = {
    "training.context_contrast.weight": {"low": 0.01, "high": 1.0, "log": True},
    "training.context_contrast.temperature": {"choices": [0.1, 0.2, 0.5]},
}
_BESIDE_SOFTMAX = _search_dspnet(1e-4, 1e-2)
_BESIDE_BCE = _search_dspnet(2e-7, 5e-6)
_DSPNET = "DSPnet (the paper this project is about)"
_COUNTING = "counting"

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "bert4rec",
            "BERT4Rec",
            "Sun et al., CIKM 2019",
            network="model.baselines.bert4rec:BERT4RecNetwork",
            recommender="model.baselines.bert4rec:BERT4Rec",
            objectives=_CROSS_ENTROPY,
            trains_on_histories=True,
            search_space={
                "training.cloze.mask_share": {"choices": [0.2, 0.4, 0.6]},
                "training.cloze.weight": {"low": 0.1, "high": 1.0, "log": True},
            },
            as_published=_WITH_BIAS,  # each item has a bias in the paper, too
            step_cost="O(B·ρ·|T|·K)",
        ),
        Method(
            "msdp",
            "MSDP",
            "Fu et al., CIKM 2023",
            network="model.baselines.msdp:MSDPNetwork",
            recommender="model.baselines.msdp:MSDP",
            objectives=_CROSS_ENTROPY,
            search_space={"training.distribution.contrast_weight": {"low": 0.01, "high": 1.0, "log": True}},
            as_published=_PLAIN,
            equal_heads=True,
            step_cost="O(B·K + B²·d)",
        ),
        Method(
            "contrarec",
            "ContraRec",
            "Wang et al., TOIS 2023",
            network="model.baselines.contrarec:ContraRecNetwork",
            recommender="model.baselines.contrarec:ContraRec",
            objectives=_CROSS_ENTROPY,
            search_space=_CONTEXT_CONTRAST,
            as_published=_PLAIN,
            step_cost="O(B·K + B²·d)",
        ),
        Method(
            "scene_ctc",
            "SceneCTC",
            _DSPNET,
            sees_scenes=True,
            network="model.baselines.contrarec:SceneCTCNetwork",
            recommender="model.baselines.contrarec:SceneCTC",
            objectives=_CROSS_ENTROPY,
            search_space={"training.context_contrast.target_temperature": {"choices": [0.5, 1.0, 2.0]}},
            as_published=_PLAIN,
            step_cost="O(B·K)",
        ),
        Method(
            "scene_contrarec",
            "SceneContraRec",
            _DSPNET,
            sees_scenes=True,
            network="model.baselines.contrarec:SceneContraRecNetwork",
            recommender="model.baselines.contrarec:ContraRec",
            objectives=_CROSS_ENTROPY,
            search_space=_CONTEXT_CONTRAST,
            as_published=_PLAIN,
            equal_heads=True,
            step_cost="O(B·K + B²·d)",
        ),
        Method(
            "carca",
            "CARCA",
            "Rashed et al., RecSys 2022",
            sees_scenes=True,
            network="model.baselines.carca:CARCANetwork",
            recommender="model.baselines.carca:CARCA",
            scores_by_inner_product=False,
            default_negatives=128,  # each candidate is compared with the whole history
            search_space={"training.candidates.number": {"choices": [64, 128, 256]}},
            as_published=_PLAIN,
            step_cost="O(B·K + B·H′·K·N′·d)",
        ),
        Method(
            "sasrec",
            "SASRec",
            "Kang & McAuley, ICDM 2018; Petrov & Macdonald, RecSys 2023",
            network="model.baselines.sasrec:SASRecNetwork",
            recommender="model.baselines.sasrec:SASRec",
            objectives=("softmax", "gbce"),
            as_published=_PLAIN,
            equal_heads=True,
        ),
        Method("popularity", "popularity", _COUNTING, fit="model.baselines.popularity:fit"),
        Method("recent_popularity", "recent popularity", _COUNTING, fit="model.baselines.recent_popularity:fit"),
        Method(
            "scene_popularity",
            "popularity by last scene",
            _COUNTING,
            sees_scenes=True,
            fit="model.baselines.scene_popularity:fit",
        ),
        Method("own_frequency", "own most frequent", _COUNTING, fit="model.baselines.own_frequency:fit"),
        Method("last_item", "last-item transition", _COUNTING, fit="model.baselines.last_item:fit"),
        Method("cooccurrence", "history-to-future co-occurrence", _COUNTING, fit="model.baselines.cooccurrence:fit"),
        Method(
            "dspnet_minus",
            "DSPnet-",
            _DSPNET,
            sees_scenes=True,
            network="model.baselines.dspnet_minus:DSPnetMinusNetwork",
            recommender="model.networks.dspnet:DSPnet",
            search_space=_BESIDE_SOFTMAX,
            search_space_of_bce=_BESIDE_BCE,
            role="ablation",
        ),
        Method(
            "dspnet",
            "DSPnet",
            _DSPNET,
            sees_scenes=True,
            network="model.networks.dspnet:DSPnetNetwork",
            recommender="model.networks.dspnet:DSPnet",
            search_space=_BESIDE_SOFTMAX,
            search_space_of_bce=_BESIDE_BCE,
            step_cost="O(B·K + 2·B²·d)",
            role="dspnet",
        ),
    )
}
"""By name, in the order of the paper's tables: what DSPnet is compared with, this project's additions, DSPnet."""
