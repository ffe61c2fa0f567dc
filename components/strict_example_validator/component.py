"""StrictExampleValidator: TFX's ExampleValidator that stops the run."""

from tfx.components import ExampleValidator
from tfx.dsl.components.base import executor_spec

from components.strict_example_validator import executor


class StrictExampleValidator(ExampleValidator):
    """Compares the statistics of every split with the schema and fails when anything is amiss.

    TFX's own component only notes anomalies; whoever does not look at them trains on them. Takes the arguments of
    `tfx.components.ExampleValidator`, above all `statistics` and `schema`. Steps that must wait for the verdict take
    its output ``anomalies`` as input or are added with ``add_upstream_node``.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
