"""All methods that `model.name` may name: what each is called, where it comes from and what it sees."""

import dataclasses
from collections.abc import Mapping
from typing import Literal, get_args

LearnedName = Literal[
    "dspnet",
    "dspnet_minus",
    "bert4rec",
    "msdp",
    "contrarec",
    "scene_ctc",
    "scene_contrarec",
    "carca",
    "sasrec",
]
CountedName = Literal[
    "popularity",
    "recent_popularity",
    "scene_popularity",
    "own_frequency",
    "last_item",
    "cooccurrence",
]
MethodName = Literal[LearnedName, CountedName]
Objective = Literal["bce", "softmax", "gbce"]


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to recommend.

    Attributes:
        name: as in `model.name`.
        title: as in the tables of papers.
        source: where it comes from.
        sees_scenes: whether scenes of the history inform which items are recommended.
        objectives: what it can be trained by, first what it is if `training.objective` names none of them.
    """

    name: str
    title: str
    source: str
    sees_scenes: bool
    objectives: tuple[Objective, ...] = get_args(Objective)

    @property
    def learned(self) -> bool:
        """Whether it is trained by gradient descent, epoch by epoch; else it counts, once."""
        return self.name in get_args(LearnedName)

    def objective(self, configured: Objective) -> Objective:
        """Returns what it is trained by, given `training.objective`: some methods are defined by their objective."""
        return configured if configured in self.objectives else self.objectives[0]

    @property
    def has_item_vectors(self) -> bool:
        """Whether it scores an item by an inner product with a vector of its own, as an approximate index needs."""
        return self.learned and self.name != "carca"


_CROSS_ENTROPY: tuple[Objective, ...] = ("softmax",)
_OURS = "DSPnet (the paper this project is about)"

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("bert4rec", "BERT4Rec", "Sun et al., CIKM 2019", False, _CROSS_ENTROPY),
        Method("msdp", "MSDP", "Fu et al., CIKM 2023", False, _CROSS_ENTROPY),
        Method("contrarec", "ContraRec", "Wang et al., TOIS 2023", False, _CROSS_ENTROPY),
        Method("scene_ctc", "SceneCTC", _OURS, True, _CROSS_ENTROPY),
        Method("scene_contrarec", "SceneContraRec", _OURS, True, _CROSS_ENTROPY),
        Method("carca", "CARCA", "Rashed et al., RecSys 2022", True),
        Method(
            "sasrec",
            "SASRec",
            "Kang & McAuley, ICDM 2018; Petrov & Macdonald, RecSys 2023",
            False,
            ("softmax", "gbce"),
        ),
        Method("popularity", "popularity", "counting", False),
        Method("recent_popularity", "recent popularity", "counting", False),
        Method("scene_popularity", "popularity by last scene", "counting", True),
        Method("own_frequency", "own most frequent", "counting", False),
        Method("last_item", "last-item transition", "counting", False),
        Method("cooccurrence", "history-to-future co-occurrence", "counting", False),
        Method("dspnet_minus", "DSPnet-", _OURS, True),
        Method("dspnet", "DSPnet", _OURS, True),
    )
}
"""By name, in the order of the paper's tables: what it compares with, what we add to that, DSPnet."""
