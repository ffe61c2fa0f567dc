"""What can be chosen about the model, its training and its evaluation; defaults follow the paper (4.1)."""

from typing import Annotated, Any, Literal

import pydantic

from model.evaluation.tasks import problem_with
from schemas.section import Section


class ModelConfig(Section):
    """The network: two sequence encoders, their fusion and the prediction heads."""

    item_dim: pydantic.PositiveInt = 256
    """Width of item embeddings and of the item encoder; a multiple of `heads`."""
    scene_dim: pydantic.PositiveInt = 256
    """Width of scene embeddings and of the scene encoder; a multiple of `heads`."""
    max_length: pydantic.PositiveInt = 50
    """How many of the latest events the encoders read; older ones are ignored."""
    layers: pydantic.PositiveInt = 2
    """Transformer layers in each encoder."""
    heads: pydantic.PositiveInt = 2
    """Attention heads in each transformer layer."""
    dropout: Annotated[float, pydantic.Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout rate on embeddings, attention and feed-forward layers."""
    encoding: Literal["dual", "pair"] = "dual"
    """`dual` encodes items and scenes as two sequences (Eq. 2); `pair` as one of item and scene pairs (DSPnet-)."""
    interplay: bool = True
    """Lets both sequences inform both predictions; without, each stands alone ("w/o concat" of Table 2)."""
    fusion_layers: pydantic.NonNegativeInt = 2
    """Layers of each fusion MLP g (Eq. 3); 0 leaves concatenation alone ("w/o MLP" of Table 2)."""
    popularity_prior: bool = False
    """Adds to each candidate's score a learned bias that starts at its log frequency in train futures."""
    repeat_head: bool = False
    """Lets the next item be copied from the history, by how often and how lately it occurred (`model.repeat`)."""

    @pydantic.model_validator(mode="after")
    def _heads_divide_widths(self) -> "ModelConfig":
        for name in ("item_dim", "scene_dim"):
            if getattr(self, name) % self.heads:
                raise ValueError(
                    f"{name} must be a multiple of heads. Received: {name}={getattr(self, name)}, heads={self.heads}"
                )
        return self


class AdversarialConfig(Section):
    """Adversarial prior regularisation L_APR (Eq. 4)."""

    weight: pydantic.NonNegativeFloat = 2e-7
    """Weight alpha of the term in Eq. 9; 0 leaves it out."""
    prior: Literal["gaussian", "multi_gaussian", "uniform"] = "gaussian"
    """What the users' representations should look like (appendix D.2)."""
    generator_loss: Literal["minimax", "non_saturating"] = "minimax"
    """What the network minimises against its discriminators: log(1 - D(z)), as in Eq. 4, or -log D(z)."""


class ContrastiveConfig(Section):
    """Conditional contrastive regularisation L_CCR (Eq. 8)."""

    weight: pydantic.NonNegativeFloat = 5e-6
    """Weight beta of the term in Eq. 9; 0 leaves it out."""
    positives: pydantic.PositiveInt = 2
    """Number N+ of augmented copies of each sequence."""
    mask_share: Annotated[float, pydantic.Field(ge=0.0, le=1.0)] = 0.2
    """Share of a sequence's events that a mask augmentation hides."""
    positive_temperature: pydantic.PositiveFloat = 1.0
    """Temperature tau+ of the similarity to augmented copies."""
    negative_temperature: pydantic.PositiveFloat = 0.07
    """Temperature tau- of the similarity to the other sequences of the batch."""


class CandidatesConfig(Section):
    """Which items a training step compares."""

    sampling: Literal["none", "uniform", "log_uniform", "in_batch"] = "none"
    """`none` takes the whole catalogue; else a step shares negatives, drawn evenly, by rank, or from its targets."""
    number: pydantic.PositiveInt = 8192
    """Negatives drawn a step by `uniform` and `log_uniform`."""


class TrainingConfig(Section):
    """How the network is trained."""

    objective: Literal["bce", "softmax"] = "bce"
    """`bce` is Eq. 6 of the paper over the candidates; `softmax` is cross-entropy over them."""
    target: Literal["period", "next"] = "period"
    """What is predicted in training: all events of the future window, or the first alone."""
    scene_weight: Annotated[float, pydantic.Field(ge=0.0)] = 1.0
    """Weight lambda of the scene prediction loss in Eq. 9."""
    adversarial: AdversarialConfig = AdversarialConfig()
    """Adversarial prior regularisation (Eq. 4)."""
    contrastive: ContrastiveConfig = ContrastiveConfig()
    """Conditional contrastive regularisation (Eq. 8)."""
    candidates: CandidatesConfig = CandidatesConfig()
    """Which items a training step compares."""
    learning_rate: pydantic.PositiveFloat = 1e-3
    """Learning rate of Adam, for the network and for the discriminators."""
    batch_size: pydantic.PositiveInt = 32
    """Sequences a replica and step."""
    epochs: pydantic.PositiveInt = 100
    """Most passes over the train split; early stopping usually ends sooner."""
    patience: pydantic.PositiveInt = 5
    """Epochs without a better validation NDCG@10 before training stops; the best epoch is kept."""
    seed: Annotated[int, pydantic.Field(ge=0, lt=2**32)] = 7
    """Seed of weights, shuffling and dropout; the same seed on the same machine repeats a run."""


class ServingConfig(Section):
    """How the served model finds the best items."""

    retrieval: Literal["exact", "scann"] = "exact"
    """`exact` compares every item; `scann` searches an approximate index, which stock TensorFlow Serving lacks."""
    scann_search_share: Annotated[float, pydantic.Field(gt=0.0, le=1.0)] = 0.1
    """Share of a ScaNN index that a request searches: more finds more of the best items and takes longer."""


class EvaluationConfig(Section):
    """What is measured on the test split, and what a model must reach to be pushed."""

    k: Annotated[tuple[pydantic.PositiveInt, ...], pydantic.Field(min_length=1)] = (5, 10)
    """Cut-offs of Recall@k, NDCG@k, HitRate@k and MAP@k."""
    thresholds: dict[str, float] = {}
    """Smallest allowed value of each named metric, as `task/metric@k` or, of a slice, `task/metric@k/group=low`."""
    max_drop: dict[str, Annotated[float, pydantic.Field(ge=0.0)]] = {"next_item/ndcg@10": 0.005}
    """How far below the last blessed model each named metric may fall, in absolute terms; by default the largest k."""
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
