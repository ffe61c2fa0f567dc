"""What can be chosen about the model, its training and its evaluation.

Defaults are one set for all logs (`docs/model.md`); `configs/paper.yaml` has those of the paper (4.1).
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import pydantic
import pydantic_core

from model.evaluation.tasks import problem_with
from model.methods import METHODS, Method, Objective
from model.questions import ASKED, PREFIX, label_questions, read_window
from schemas.config_model import ConfigModel

VALIDATION_METRIC = "ndcg@10"
"""Measure by which training stops and keeps its best weights, as a recommender logs it: the mean of the NDCG@10 of the
next items and of those of the period, whatever was trained on."""
MONITOR = f"val_{VALIDATION_METRIC}"
"""The same measure in the log of a round, where Keras marks what was measured on the validation split."""


def _registered(name: Any) -> str:
    """Returns the name of a registered method.

    Raises:
        pydantic_core.PydanticCustomError: if there is no such method; names those that there are.
    """
    if not isinstance(name, str) or name not in METHODS:
        known = [repr(known) for known in METHODS]
        expected = f"{', '.join(known[:-1])} or {known[-1]}"
        raise pydantic_core.PydanticCustomError("literal_error", "Input should be {expected}", {"expected": expected})
    return name


if TYPE_CHECKING:
    MethodName: TypeAlias = str
else:
    # The names document the key; what counts is the registry as it is when a configuration is read.
    MethodName = Annotated[
        Literal[tuple(METHODS)], pydantic.PlainValidator(_registered), pydantic.PlainSerializer(str, str)
    ]


class ModelConfig(ConfigModel):
    """The method and its network; what only some methods have says so."""

    name: MethodName = "dspnet"
    """The method: DSPnet, a method it is compared with (`model/baselines`), or counting (no training)."""
    item_dim: pydantic.PositiveInt = 64
    """Width of item embeddings and of the item encoder; a multiple of `heads`."""
    scene_dim: pydantic.PositiveInt = 16
    """Width of scene embeddings and of the scene encoder; a multiple of `heads`."""
    max_length: pydantic.PositiveInt = 50
    """How many of the latest events the encoders read; older ones are ignored."""
    layers: pydantic.PositiveInt = 2
    """Transformer layers in each encoder."""
    heads: pydantic.PositiveInt = 2
    """Attention heads in each transformer layer."""
    dropout: Annotated[float, pydantic.Field(ge=0.0, lt=1.0)] = 0.2
    """Dropout rate on embeddings, attention and feed-forward layers of the encoders."""
    head_dropout: Annotated[float, pydantic.Field(ge=0.0, lt=1.0)] = 0.3
    """Dropout rate on what a question's maps read: z_S and z_V of DSPnet, the state h of other methods; and on what the
    fusion of DSPnet reads, h_S and h_V."""
    interplay: bool = True
    """DSPnet: lets both sequences inform both predictions; without, each stands alone ("w/o concat" of Table 2)."""
    fusion_layers: pydantic.NonNegativeInt = 2
    """DSPnet: layers of each fusion MLP g (Eq. 3); 0 leaves concatenation alone ("w/o MLP" of Table 2)."""
    popularity_prior: bool = True
    """Adds to each candidate's score a learned bias that starts at its log frequency in what the question asks for."""
    scene_head: bool = True
    """Adds to each item's score how much more often it followed the last scene of the history (needs the prior)."""
    times: bool = True
    """Reads when events were: their age, hour and weekday; DSPnet also reads the pace of the user."""
    repeat_head: bool = True
    """Lets items be copied from the history, by how often and how lately they occurred; where a log has no repeats, the
    history is not recommended."""

    @property
    def method(self) -> Method:
        """What is known of the method that `name` names."""
        return METHODS[self.name]

    @pydantic.model_validator(mode="after")
    def _scene_head_has_prior(self) -> "ModelConfig":
        if self.scene_head and not self.popularity_prior:
            raise ValueError("scene_head adds to what is popular: set popularity_prior to true, too")
        return self

    @pydantic.model_validator(mode="after")
    def _heads_divide_widths(self) -> "ModelConfig":
        for name in ("item_dim", "scene_dim"):
            if getattr(self, name) % self.heads:
                raise ValueError(
                    f"{name} must be a multiple of heads. Received: {name}={getattr(self, name)}, heads={self.heads}"
                )
        return self


class AdversarialConfig(ConfigModel):
    """Adversarial prior regularisation L_APR (Eq. 4)."""

    weight: pydantic.NonNegativeFloat = 0.0
    """Weight alpha of the term in Eq. 9; 0 leaves it out."""
    prior: Literal["gaussian", "multi_gaussian", "uniform"] = "gaussian"
    """What the users' representations should look like (appendix D.2)."""
    generator_loss: Literal["minimax", "non_saturating"] = "minimax"
    """What the network minimises against its discriminators: log(1 - D(z)), as in Eq. 4, or -log D(z)."""


class ContrastiveConfig(ConfigModel):
    """Conditional contrastive regularisation L_CCR (Eq. 8)."""

    weight: pydantic.NonNegativeFloat = 0.0
    """Weight beta of the term in Eq. 9; 0 leaves it out."""
    positives: pydantic.PositiveInt = 2
    """Number N+ of augmented copies of each sequence."""
    mask_share: Annotated[float, pydantic.Field(ge=0.0, le=1.0)] = 0.2
    """Share of a sequence's events that a mask augmentation hides."""
    positive_temperature: pydantic.PositiveFloat = 1.0
    """Temperature tau+ of the similarity to augmented copies."""
    negative_temperature: pydantic.PositiveFloat = 0.07
    """Temperature tau- of the similarity to the other sequences of the batch."""


class ContextContrastConfig(ConfigModel):
    """Contrasts of ContraRec and its variants with scenes."""

    weight: pydantic.NonNegativeFloat = 0.2
    """Weight gamma of the context-context contrast; 0 leaves it out."""
    mask_share: Annotated[float, pydantic.Field(ge=0.0, le=1.0)] = 0.5
    """Share of a sequence's events that a mask augmentation hides."""
    temperature: pydantic.PositiveFloat = 0.2
    """Temperature of the context-context contrast."""
    target_temperature: pydantic.PositiveFloat = 1.0
    """Temperature of the context-target contrast, by which inner products are divided."""


class ClozeConfig(ConfigModel):
    """The Cloze task of BERT4Rec."""

    mask_share: Annotated[float, pydantic.Field(gt=0.0, le=1.0)] = 0.2
    """Share rho of a sequence's events that are masked and predicted."""
    weight: pydantic.PositiveFloat = 1.0
    """Weight of the masked events beside the [MASK] at the end, which stands for the future."""


class DistributionConfig(ConfigModel):
    """Multi-scale stochastic distribution prediction, MSDP."""

    scales: Annotated[tuple[pydantic.PositiveInt, ...], pydantic.Field(min_length=1)] = (1, 4, 16)
    """Window sizes, in events, beside the whole period; a training step draws one for each sequence."""
    contrast_weight: pydantic.NonNegativeFloat = 0.1
    """Weight lambda of the likeness of a sequence and a masked copy of it; 0 leaves it out."""
    mask_share: Annotated[float, pydantic.Field(ge=0.0, le=1.0)] = 0.2
    """Share of a sequence's events that the copy hides."""

    @pydantic.field_validator("scales")
    @classmethod
    def _rising(cls, scales: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(scales)))


class CandidatesConfig(ConfigModel):
    """Which items a training step compares."""

    sampling: Literal["none", "uniform", "log_uniform", "in_batch"] = "none"
    """`none` takes the whole catalogue; else a step shares negatives, drawn evenly, by rank, or from its targets."""
    number: pydantic.PositiveInt = 8192
    """Negatives drawn a step by `uniform` and `log_uniform`."""


class TrainingConfig(ConfigModel):
    """How the network is trained."""

    objective: Objective = "softmax"
    """`bce` is Eq. 6 of the paper, `softmax` cross-entropy, `gbce` Eq. 6 made fit for few negatives (gSASRec).

    BERT4Rec, MSDP, ContraRec, SceneCTC and SceneContraRec are defined by cross-entropy and always take it; so does
    SASRec unless it is given `gbce`.
    """
    gbce_calibration: Annotated[float, pydantic.Field(ge=0.0, le=1.0)] = 0.75
    """Calibration t of `gbce`: 0 leaves scores as overconfident as sampling makes them, 1 corrects all of it."""
    questions: Annotated[tuple[str, ...], pydantic.Field(min_length=1)] = ASKED
    """What is predicted in training, all of it in every step: what comes next, all of the future window (`period`), its
    first events or days (as in `first_5_events` or `first_7_days`), or, alone, what comes next after a prefix.

    What comes next are the events at the earliest time: one, or several where events tie. A prefix ends anywhere in the
    history, drawn anew for each sequence and epoch, but not between events that tie. Where a list is asked for that was
    not trained, the first question answers.
    """
    event_mask: Annotated[float, pydantic.Field(ge=0.0, lt=1.0)] = 0.5
    """Share of a history's events that are hidden from the encoders in each step, item and scene together."""
    average_decay: Annotated[float, pydantic.Field(ge=0.0, lt=1.0)] = 0.99
    """Decay of the moving average of the weights, which is validated and exported; 0 keeps the weights of a step."""
    scene_weight: Annotated[float, pydantic.Field(ge=0.0)] = 1.0
    """Weight lambda of the scene prediction loss in Eq. 9."""
    adversarial: AdversarialConfig = AdversarialConfig()
    """DSPnet and DSPnet-: adversarial prior regularisation (Eq. 4)."""
    contrastive: ContrastiveConfig = ContrastiveConfig()
    """DSPnet and DSPnet-: conditional contrastive regularisation (Eq. 8)."""
    context_contrast: ContextContrastConfig = ContextContrastConfig()
    """Contrasts of ContraRec and SceneContraRec; SceneCTC has the context-target contrast alone."""
    cloze: ClozeConfig = ClozeConfig()
    """The Cloze task of BERT4Rec."""
    distribution: DistributionConfig = DistributionConfig()
    """The windows of MSDP."""
    recency_half_life_days: pydantic.PositiveFloat = 7.0
    """Recent popularity: days after which an event counts half."""
    candidates: CandidatesConfig = CandidatesConfig()
    """Which items a training step compares."""
    learning_rate: pydantic.PositiveFloat = 1e-3
    """Learning rate of Adam, for the network and for the discriminators."""
    batch_size: pydantic.PositiveInt = 128
    """Sequences a replica and step."""
    epochs: pydantic.PositiveInt = 100
    """Most passes over the train split; early stopping usually ends sooner."""
    patience: pydantic.PositiveInt = 5
    """Validations without a better NDCG@10 before training stops; the best weights are kept.

    One follows each pass over the train split, or several of each where it is long (`model.training.schedule`).
    """
    seed: Annotated[int, pydantic.Field(ge=0, lt=2**32)] = 7
    """Seed of weights, shuffling and dropout; the same seed on the same machine repeats a run."""

    @property
    def target(self) -> str:
        """The questions as one word."""
        return label_questions(self.questions)

    @pydantic.field_validator("questions")
    @classmethod
    def _questions_fit(cls, questions: tuple[str, ...]) -> tuple[str, ...]:
        for question in questions:
            read_window(question)
        if len(set(questions)) != len(questions):
            raise ValueError(f"each question stands once. Received: {list(questions)}")
        if PREFIX in questions and len(questions) > 1:
            raise ValueError(f"prefix cuts histories, and so is asked alone. Received: {list(questions)}")
        return questions

    @pydantic.model_validator(mode="after")
    def _gbce_has_drawn_negatives(self) -> "TrainingConfig":
        if self.objective == "gbce" and self.candidates.sampling not in ("uniform", "log_uniform"):
            raise ValueError(
                "objective gbce needs negatives that are drawn: set training.candidates.sampling to uniform or "
                f"log_uniform. Received: sampling={self.candidates.sampling!r}"
            )
        return self


class ServingConfig(ConfigModel):
    """How the served model finds the best items."""

    retrieval: Literal["exact", "scann"] = "exact"
    """`exact` compares every item; `scann` searches an approximate index, which stock TensorFlow Serving lacks."""
    scann_search_share: Annotated[float, pydantic.Field(gt=0.0, le=1.0)] = 0.1
    """Share of a ScaNN index that a request searches: more finds more of the best items and takes longer."""


class EvaluationConfig(ConfigModel):
    """What is measured on the test split, and what a model must reach to be pushed."""

    k: Annotated[tuple[pydantic.PositiveInt, ...], pydantic.Field(min_length=1)] = (5, 10)
    """Cut-offs of Recall@k, NDCG@k, HitRate@k and MAP@k."""
    thresholds: dict[str, float] = {}
    """Smallest allowed value of each named metric, as `task/metric@k` or, of a slice, `task/metric@k/group=low`."""
    max_drop: dict[str, Annotated[float, pydantic.Field(ge=0.0)]] = {"next_item/ndcg@10": 0.005}
    """How far below the last blessed model each named metric may fall, in absolute terms; by default the largest k."""
    not_below: tuple[Literal["popularity", "own_frequency"], ...] = ("popularity",)
    """Counting that a model must not be significantly worse than (p < .05, paired over users): popular items, or the
    user's own most frequent ones. Empty asks for nothing.

    Compared are the metrics of tasks that `thresholds` names, or, where it names none, Recall of the next item.
    """
    batch_size: pydantic.PositiveInt = 256
    """Sequences ranked at once."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _default_has_largest_k(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("k"), list | tuple) and "max_drop" not in values:
            numbers = [k for k in values["k"] if isinstance(k, int)]
            return {**values, "max_drop": {f"next_item/ndcg@{max(numbers, default=10)}": 0.005}}
        return values

    @pydantic.field_validator("k")
    @classmethod
    def _rising(cls, k: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(k)))

    @pydantic.model_validator(mode="after")
    def _metrics_exist(self) -> "EvaluationConfig":
        for section in ("thresholds", "max_drop"):
            for name in getattr(self, section):
                problem = problem_with(name, self.k)
                if problem:
                    raise ValueError(f"{section} names {problem}")
        return self
