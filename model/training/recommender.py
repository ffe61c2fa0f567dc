"""The training of any method: a step, a validation step, and the losses of prediction (Eq. 6)."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import tensorflow as tf
import tf_keras

from model.config import VALIDATION_METRIC, TrainingConfig
from model.data.augmentation import hide
from model.data.batches import CUTOFF, HISTORY_ITEMS, HISTORY_SCENES, HISTORY_TIMES, targets_of
from model.data.history import History
from model.data.target_counts import TargetCounts, log_share
from model.evaluation.metrics import ndcg_at
from model.losses.chunked import full_catalogue_loss, target_ranks
from model.losses.full import LOSSES
from model.losses.sampled import SAMPLERS, Negatives, in_batch, sampled_loss
from model.methods import load
from model.networks.base import Network, Outputs, Scores
from model.networks.clock import hide_times
from model.networks.scene_head import SceneOffset
from model.questions import ASKED, ask_about_windows, choose_question
from model.training import replicas
from model.training.lazy_adam import LazyAdam
from schemas.catalogue import PAD_INDEX

Batch = dict[str, tf.Tensor]

_VALIDATION_K = 10


class Recommender(tf_keras.Model):
    """Trains a network on the prediction of items and scenes, and on what a method adds to that.

    Its own objective is the vanilla one, L_DSL of items + lambda L_DSL of scenes; a method overrides `terms`.

    Args:
        network: the network, which alone is exported.
        config: objective and weights.
        global_batch_size: sequences a step over all replicas, by which summed losses are divided.
        counts: by question, the targets of the train split, for in-batch negatives.

    Raises:
        ValueError: if in-batch negatives are asked for in batches of one.
    """

    has_all_prefixes: ClassVar[bool] = False
    """Whether the target ``prefix`` is made of whole histories by `terms` itself, and needs no cut sequences."""

    def __init__(
        self,
        network: Network,
        config: TrainingConfig,
        global_batch_size: int,
        counts: Mapping[str, TargetCounts],
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if config.candidates.sampling == "in_batch" and global_batch_size == 1:
            raise ValueError("in_batch negatives are the targets of other sequences: training.batch_size must be > 1.")
        # Tensors, for a function to capture: arrays would become part of its graph, millions of numbers and all.
        self.log_shares = {question: tf.constant(log_share(counts[question].items)) for question in network.questions}
        self.network = network
        self.config = config
        self.global_batch_size = global_batch_size
        own = {name: weight for name, weight in self.own_terms(config).items() if weight}
        self.weights_of_terms = {"item_loss": 1.0, "scene_loss": config.scene_weight, **own}
        names = ["loss", "item_loss", "scene_loss", VALIDATION_METRIC, *own, *self.own_measures(config)]
        self.means = {name: tf_keras.metrics.Mean(name) for name in names}
        self._build()

    @property
    def reads_order(self) -> bool:
        """Whether training reads the order of the future, and which of its events happened at one time."""
        return ask_about_windows(self.network.questions)

    @staticmethod
    def own_terms(config: TrainingConfig) -> Mapping[str, float]:
        """Returns the weights of the terms that a method adds, by name; a term of weight 0 is left out."""
        return {}

    @staticmethod
    def own_measures(config: TrainingConfig) -> Sequence[str]:
        """Returns the names of further values that a method measures."""
        return ()

    def _build(self) -> None:
        """Creates all weights, so that a checkpoint can be restored into them."""
        one = History(tf.ones([1, 1], tf.int32), tf.ones([1, 1], tf.int32))
        known = self.network.represent(one)
        for question in self.network.questions:
            self.network.outputs(known, one, question)

    def compile(
        self,
        optimizer: tf_keras.optimizers.Optimizer,
        discriminator_optimizer: tf_keras.optimizers.Optimizer | None = None,
        **kwargs: Any,
    ) -> None:
        """Sets the optimizer of the network, and that of its adversaries if a method has some."""
        super().compile(optimizer=optimizer, **kwargs)
        optimizer.build(self.trained_variables)

    @property
    def trained_variables(self) -> list[tf.Variable]:
        """Variables that a step changes."""
        return self.network.trainable_variables

    def checkpointed(self) -> dict[str, Any]:
        """Returns what the next step depends on, besides the states of dropout, by name."""
        return {"network": self.network, "optimizer": self.optimizer}

    def swap_average(self) -> None:
        """Exchanges the weights and their moving averages; called twice, it changes nothing."""
        if self.optimizer.use_ema:
            for variable in self.network.trainable_variables:
                average = self.optimizer.average_of(variable)
                value = tf.identity(variable)
                variable.assign(average)
                average.assign(value)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the network has the moving averages of its weights."""
        self.swap_average()
        try:
            yield
        finally:
            self.swap_average()

    @property
    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """The running means that Keras resets at every epoch."""
        return list(self.means.values())

    @tf.autograph.experimental.do_not_convert  # it would rewrite Keras' own source
    def call(self, batch: Batch, training: bool | None = None) -> Scores:
        """Scores all candidates for the histories of a batch (see `model.data.batches`)."""
        return self.network(self.read_history(batch), training=training)

    def read_history(self, batch: Batch) -> History:
        """Returns the histories of a batch."""
        return History(batch[HISTORY_ITEMS], batch[HISTORY_SCENES], batch.get(HISTORY_TIMES), batch.get(CUTOFF))

    def hide(self, batch: Batch, seed: tf.Tensor) -> tuple[History, History]:
        """Hides what a step does not show: the times of some histories, with `ModelConfig.times`, and events.

        Args:
            batch: as for `read_history`.
            seed: int [2], seed of what is hidden.

        Returns:
            the histories as heads read them, and the latest events as encoders do, items, scenes and times in as many
            columns, without the share `TrainingConfig.event_mask` of them, item and scene together.
        """
        for_events, for_times = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        network, share, history = self.network, self.config.event_mask, self.read_history(batch)
        if network.config.times:
            history = hide_times(history, replicas.uniform([tf.shape(history.items)[0]], for_times))
        latest = network.aligned(history)
        if not share:
            return history, latest
        items, scenes = (
            hide(indices, for_events, mask_index, share)
            for indices, mask_index in zip((latest.items, latest.scenes), network.mask_indices, strict=True)
        )
        return history, latest._replace(items=items, scenes=scenes)

    def terms(self, batch: Batch, seed: tf.Tensor, tape: tf.GradientTape) -> tuple[Batch, Batch]:
        """Returns the terms of the loss, by their names in `weights_of_terms`, and further measured values.

        Args:
            batch: see `model.data.batches.index_batches`.
            seed: int [2], seed of all that the step draws but dropout.
            tape: tape that records the network's gradients.

        Returns:
            float [batch] each, by name.
        """
        for_hiding, for_negatives = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        whole, read = self.hide(batch, for_hiding)
        return self.prediction_terms(self.network.represent(read, training=True), batch, for_negatives, whole), {}

    def prediction_terms(self, known: Any, batch: Batch, seed: tf.Tensor, history: History) -> Batch:
        """Returns L_DSL of items and, unless their weight is 0, of scenes (Eq. 6), float [batch] each.

        Each is the mean of the losses of the questions.

        Args:
            known: what the network knows of the users of the batch.
            batch: as for `terms`.
            seed: int [2], seed of the choice of negatives.
            history: what heads read.
        """
        losses: dict[str, list[tf.Tensor]] = {}
        for question in self.network.questions:
            outputs = self.network.outputs(known, history, question, training=True)
            items, scenes = targets_of(question, batch)
            losses.setdefault("item_loss", []).append(
                self.item_loss(outputs, question, items, self.draw_negatives(items, question, seed))
            )
            if self.config.scene_weight:
                losses.setdefault("scene_loss", []).append(self.scene_loss(outputs, question, scenes))
        return {name: tf.add_n(terms) / len(terms) for name, terms in losses.items()}

    def draw_negatives(self, targets: tf.Tensor, question: str, seed: tf.Tensor) -> Negatives | None:
        """Draws what the global batch shares as negatives; None where the whole catalogue is compared."""
        config = self.config.candidates
        if config.sampling == "none":
            return None
        if config.sampling == "in_batch":
            return in_batch(replicas.gather(targets), self.log_shares[question])
        return SAMPLERS[config.sampling](self.catalogue_size, config.number, seed)

    @property
    def catalogue_size(self) -> int:
        """Number N_v of items."""
        return self.network.item_embedding.catalogue_size

    def item_loss(self, outputs: Outputs, question: str, targets: tf.Tensor, negatives: Negatives | None) -> tf.Tensor:
        """Returns L_DSL of items (Eq. 6b) over the whole catalogue, or over targets and negatives, float [rows].

        Args:
            outputs: what candidates are compared with.
            question: what is asked.
            targets: int [rows, targets], indices; 0 is padding.
            negatives: from `draw_negatives`.
        """
        table, head = self.network.item_embedding.table, self.network.heads[question]
        offset = None
        if head.scene_head is not None and outputs.last_scene is not None:
            offset = SceneOffset(head.scene_head, outputs.last_scene)
        arguments = outputs.o_item, table, head.item_bias, targets
        if negatives is None:
            return full_catalogue_loss(self.whole_objective, *arguments, outputs.copies, offset=offset)
        calibration = self.config.gbce_calibration
        return sampled_loss(self.config.objective, *arguments, negatives, outputs.copies, calibration, offset)

    def scene_loss(self, outputs: Outputs, question: str, targets: tf.Tensor) -> tf.Tensor:
        """Returns L_DSL of scenes (Eq. 6a) over all scenes, which are few, float [batch]."""
        return LOSSES[self.whole_objective](self.network.score_scenes(outputs, question), targets)

    @property
    def whole_objective(self) -> str:
        """The objective over a whole catalogue, where nothing is sampled and gBCE is BCE."""
        return "bce" if self.config.objective == "gbce" else self.config.objective

    @tf.autograph.experimental.do_not_convert  # it would rewrite Keras' own source
    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Makes a step on the weighted sum of the method's terms."""
        seed = tf.random.experimental.stateless_fold_in([self.config.seed, 0], self.optimizer.iterations)
        with tf.GradientTape() as tape:
            terms, measures = self.terms(batch, seed, tape)
            total = tf.add_n([self.weights_of_terms[name] * term for name, term in terms.items()])
            # Replicas sum their gradients, so each divides by the batch of all of them.
            loss = tf.reduce_sum(total) / self.global_batch_size
        self.optimizer.minimize(loss, self.trained_variables, tape=tape)
        return self._update({"loss": total, **terms, **measures})

    @tf.autograph.experimental.do_not_convert  # it would rewrite Keras' own source
    def test_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Measures the prediction losses, and NDCG@10 of the next items and of the period, over the full catalogue."""
        history = self.read_history(batch)
        known = self.network.represent(history, training=False)
        outputs = {question: self.network.outputs(known, history, question) for question in self.network.questions}
        losses = []
        for question, asked in outputs.items():
            items, scenes = targets_of(question, batch)
            losses.append((self.validation_item_loss(asked, question, items), self.scene_loss(asked, question, scenes)))
        item_loss, scene_loss = (tf.add_n(terms) / len(losses) for terms in zip(*losses, strict=True))
        values = {"item_loss": item_loss, "scene_loss": scene_loss}
        measured = []
        for wanted in ASKED:
            question = choose_question(wanted, self.network.questions)
            targets, asked = targets_of(wanted, batch)[0], outputs[question]
            scorer = self.network.item_scorer(question)
            ranks = target_ranks(
                scorer, asked.item_queries, targets, _VALIDATION_K, asked.copies, excluded=asked.excluded
            )
            measured.append(ndcg_at(ranks, targets != PAD_INDEX, _VALIDATION_K))
        values[VALIDATION_METRIC] = tf.add_n(measured) / len(measured)
        return self._update(values)

    def validation_item_loss(self, outputs: Outputs, question: str, targets: tf.Tensor) -> tf.Tensor:
        """Returns the loss of items over the whole catalogue, float [batch]."""
        return self.item_loss(outputs, question, targets, None)

    def _update(self, values: Batch) -> dict[str, tf.Tensor]:
        for name, value in values.items():
            self.means[name].update_state(value)
        return {name: self.means[name].result() for name in values}


def build_recommender(
    network: Network, config: TrainingConfig, global_batch_size: int, counts: Mapping[str, TargetCounts]
) -> Recommender:
    """Returns what trains a network, compiled.

    Args:
        network: network from `model.networks.base.build_network`.
        config: how to train; an objective that the method cannot be trained by gives way to the method's own.
        global_batch_size: sequences a step over all replicas.
        counts: those that the network was made for.
    """
    method = network.config.method
    recommender_class: type[Recommender] = load(method.recommender)
    config = config.model_copy(update={"objective": method.objective(config.objective)})
    model = recommender_class(network, config, global_batch_size, counts)
    compile_model(model)
    return model


def compile_model(model: Recommender) -> None:
    """Gives a model its optimizers."""
    rate, decay = model.config.learning_rate, model.config.average_decay
    # Eq. 6 divides by the size of the catalogue, and so its gradient; beside it Adam's usual epsilon would brake.
    scale = model.catalogue_size if model.whole_objective == "bce" else 1
    optimizer = LazyAdam(rate, epsilon=1e-7 / scale, use_ema=decay > 0, ema_momentum=decay)
    model.compile(optimizer, discriminator_optimizer=LazyAdam(rate))
