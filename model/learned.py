"""Builds the network of each method that is trained, and what trains it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from model.baselines.bert4rec import BERT4Rec, BERT4RecNetwork
from model.baselines.carca import CARCA, CARCANetwork
from model.baselines.contrarec import ContraRec, ContraRecNetwork, SceneContraRecNetwork, SceneCTC, SceneCTCNetwork
from model.baselines.dspnet_minus import DSPnetMinusNetwork
from model.baselines.msdp import MSDP, MSDPNetwork, scales_of
from model.baselines.sasrec import SASRec, SASRecNetwork
from model.config import ModelConfig, TrainingConfig
from model.networks.base import Network
from model.networks.dspnet import DSPnet, DSPnetNetwork
from model.training.lazy_adam import LazyAdam
from model.training.recommender import Recommender
from schemas.catalogue import Catalogue

CLASSES: Mapping[str, tuple[type[Network], type[Recommender]]] = {
    "bert4rec": (BERT4RecNetwork, BERT4Rec),
    "msdp": (MSDPNetwork, MSDP),
    "contrarec": (ContraRecNetwork, ContraRec),
    "scene_ctc": (SceneCTCNetwork, SceneCTC),
    "scene_contrarec": (SceneContraRecNetwork, ContraRec),
    "carca": (CARCANetwork, CARCA),
    "sasrec": (SASRecNetwork, SASRec),
    "dspnet_minus": (DSPnetMinusNetwork, DSPnet),
    "dspnet": (DSPnetNetwork, DSPnet),
}
"""By name (`model.methods`): the network, which is exported, and what trains it."""


def build_network(
    config: ModelConfig,
    items: Catalogue,
    scenes: Catalogue,
    training: TrainingConfig = TrainingConfig(),  # noqa: B008  (frozen)
) -> Network:
    """Returns a network with fresh weights for the two catalogues.

    Args:
        config: names the method.
        items: the item catalogue.
        scenes: the scene catalogue.
        training: of which the windows of MSDP and a temperature of ContraRec reach the network.
    """
    network_class, _ = CLASSES[config.name]
    options: dict[str, Any] = {}
    if issubclass(network_class, MSDPNetwork):
        options["scales"], options["asked"] = scales_of(training)
    if issubclass(network_class, ContraRecNetwork):
        options["target_temperature"] = training.context_contrast.target_temperature
    priors = log_frequency(items), log_frequency(scenes)
    return network_class(config, len(items), len(scenes), *priors, name=config.name, **options)


def build_recommender(
    network: Network, config: TrainingConfig, global_batch_size: int, items: Catalogue
) -> Recommender:
    """Returns what trains a network, with its optimizers.

    Args:
        network: from `build_network`.
        config: as there; where its objective is none of the method's, that takes its own.
        global_batch_size: sequences a step over all replicas.
        items: the item catalogue.
    """
    _, recommender_class = CLASSES[network.config.name]
    config = config.model_copy(update={"objective": network.config.method.objective(config.objective)})
    model = recommender_class(network, config, global_batch_size, log_frequency(items))
    compile_model(model)
    return model


def compile_model(model: Recommender) -> None:
    """Gives a model its optimizers."""
    rate = model.config.learning_rate
    # Eq. 6 divides by the size of the catalogue, and so its gradient; beside it Adam's usual epsilon would brake.
    scale = len(model.item_log_frequency) if model.whole_objective == "bce" else 1
    model.compile(LazyAdam(rate, epsilon=1e-7 / scale), discriminator_optimizer=LazyAdam(rate))


def log_frequency(catalogue: Catalogue) -> npt.NDArray[np.float32]:
    """Returns the log of each candidate's share of train futures, add-one smoothed, float32 [N]."""
    counts = catalogue.future_counts + 1.0
    return np.log(counts / counts.sum()).astype(np.float32)
