"""Adam that does not touch the rows of a table that a step has not read, and needs no temporaries for the rest.

The Adam of Keras decays the moments of a whole table for a gradient of a few rows, and makes several temporaries
of the size of each variable. For an embedding table of millions of rows both dwarf the step itself.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras


@dataclasses.dataclass
class _Shared:
    """Numbers that all variables of a step share, by dtype; None outside of a step.

    Computed for each variable anew, these few numbers would be a sixth of all operations of a training step. They are
    in a class because Keras would track a bare dictionary in checkpoints.
    """

    numbers: dict[tf.DType, tuple[tf.Tensor, ...]] | None = None


@tf_keras.utils.register_keras_serializable(package="dspnet")
class LazyAdam(tf_keras.optimizers.Adam):
    """Adam with lazy rows: equal to Keras's for dense gradients, and for sparse ones that touch every row.

    With step t, learning rate r and gradient g:

        m <- beta_1 m + (1 - beta_1) g
        v <- beta_2 v + (1 - beta_2) g^2
        x <- x - r sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Where g is `tf.IndexedSlices` this is done to its rows alone; the other rows of x, m and v keep their values.
    The variables are those of Keras's Adam, so either reads the checkpoints of the other. Weight decay and moving
    averages, where asked for, are Keras's: they touch all rows. But a moving average (`use_ema`) of decay d forgets
    faster at first, by min(d, (1 + n) / (10 + n)) after n earlier steps: it shall not hold on to the weights that
    training began with.

    Args:
        learning_rate: r, a number or a schedule.
        **kwargs: as for Keras's Adam.

    Raises:
        ValueError: if `amsgrad` is asked for.
    """

    def __init__(self, learning_rate: Any = 0.001, **kwargs: Any):
        if kwargs.get("amsgrad"):
            raise ValueError("LazyAdam has no AMSGrad variant. Leave amsgrad at False, or use Keras's Adam.")
        # Compiled by XLA, the update would be compiled anew for every number of rows.
        kwargs.setdefault("jit_compile", False)
        super().__init__(learning_rate, **kwargs)
        self._shared = _Shared()

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates one variable; rows of a sparse gradient must be distinct, as `apply_gradients` makes them."""
        index = self._index_dict[self._var_key(variable)]
        m, v = self._momentums[index], self._velocities[index]
        rate, beta_1, beta_2, power_1, power_2, epsilon = self._numbers(variable.dtype)
        if not isinstance(gradient, tf.IndexedSlices):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=power_1,
                beta2_power=power_2,
                lr=rate,
                beta1=beta_1,
                beta2=beta_2,
                epsilon=epsilon,
                grad=gradient,
            )
            return
        rows, values = gradient.indices, gradient.values
        m_rows = _move(m, rows, values, 1 - beta_1)
        v_rows = _move(v, rows, tf.square(values), 1 - beta_2)
        change = rate * tf.sqrt(1 - power_2) / (1 - power_1) * m_rows / (tf.sqrt(v_rows) + epsilon)
        tf.raw_ops.ResourceScatterSub(resource=variable.handle, indices=rows, updates=change)

    def _numbers(self, dtype: tf.DType) -> tuple[tf.Tensor, ...]:
        """Returns r, beta_1, beta_2, beta_1^t, beta_2^t and epsilon, which all variables of a step share."""
        found = (self._shared.numbers or {}).get(dtype)
        if found is None:
            step = tf.cast(self.iterations + 1, dtype)
            rate, beta_1, beta_2, epsilon = (
                tf.cast(number, dtype) for number in (self.learning_rate, self.beta_1, self.beta_2, self.epsilon)
            )
            power_1, power_2 = tf.pow(beta_1, step), tf.pow(beta_2, step)
            if self.adaptive_epsilon:
                epsilon *= tf.sqrt(1 - power_2)
            found = rate, beta_1, beta_2, power_1, power_2, epsilon
            if self._shared.numbers is not None:
                self._shared.numbers[dtype] = found
        return found

    def _distributed_apply_gradients_fn(self, *arguments: Any, **kwargs: Any) -> Any:
        """Updates all variables; called by Keras, once for all replicas or once on each."""
        # Compiled by XLA, each update is a function of its own, which must not hold on to what another one computed.
        self._shared.numbers = None if self.jit_compile else {}
        try:
            return super()._distributed_apply_gradients_fn(*arguments, **kwargs)
        finally:
            self._shared.numbers = None

    def _update_model_variables_moving_average(self, var_list: Sequence[tf.Variable]) -> None:
        """Moves the averages; called by Keras in the scope of all replicas."""
        if not self.use_ema:
            return
        step = tf.cast(self.iterations, tf.float32)
        part = 1 - tf.minimum(self.ema_momentum, (1 + step) / (10 + step))

        def update(average: tf.Variable, variable: tf.Variable) -> None:
            average.assign_add(tf.cast(part, average.dtype) * (variable - average))

        for variable in var_list:
            average = self.average_of(variable)
            self._distribution_strategy.extended.update(average, update, args=(variable,), group=False)

    def finalize_variable_values(self, var_list: Sequence[tf.Variable]) -> None:
        """Leaves the variables as they are, where Keras would end a training by putting the averages in their place.

        Whoever wants the averages exchanges them (`model.training.recommender.Recommender.swap_average`); and some
        variables of a model have another optimizer, and no average here.
        """

    def average_of(self, variable: tf.Variable) -> tf.Variable:
        """Returns the moving average of a variable, with `use_ema`."""
        return self._model_variables_moving_average[self._index_dict[self._var_key(variable)]]


def _move(variable: tf.Variable, rows: tf.Tensor, towards: tf.Tensor, part: tf.Tensor) -> tf.Tensor:
    """Moves rows of a moment a part of the way to new values and returns them."""
    # By handle, as a mirrored variable offers it on each replica while other ways to read rows do not.
    old = tf.raw_ops.ResourceGather(resource=variable.handle, indices=rows, dtype=variable.dtype)
    new = old + part * (towards - old)
    tf.raw_ops.ResourceScatterUpdate(resource=variable.handle, indices=rows, updates=new)
    return new
