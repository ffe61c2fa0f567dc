"""StrictExampleValidator: TFX's ExampleValidator that stops the run."""

from tfx.components import ExampleValidator
from tfx.dsl.components.base import executor_spec

from components.strict_example_validator import executor


class StrictExampleValidator(ExampleValidator):
    """Compares the statistics of every split with the schema, and fails on any anomaly or without train examples.

    TFX's ExampleValidator only notes anomalies, so that a run goes on to train on them. The arguments are those of
    `tfx.components.ExampleValidator`, above all `statistics` and `schema`. A step that must wait for the validation
    takes the output ``anomalies`` as input or is added with ``add_upstream_node``.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
