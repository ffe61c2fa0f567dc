"""TFX's LocalDagRunner, step by step, with a person watching."""

import logging
from collections.abc import Callable, Collection
from typing import Any

import absl.logging
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner, runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from pipeline.console import Progress, StepFailedError, describe_error
from reporting.console import Screen

_log = logging.getLogger(__name__)

_OUTCOMES = {
    metadata_store_pb2.Execution.COMPLETE: "done",
    metadata_store_pb2.Execution.CACHED: "cached",
}


class StepRunner(local_dag_runner.LocalDagRunner):
    """Runs a pipeline in this process and reports on each step.

    It overrides `run_with_ir` alone: the `tfx` command replaces `LocalDagRunner.run` while it registers a pipeline.

    Args:
        screen: where to report.
        run_id: name of the run in ML Metadata.
        steps: ids of the steps to run; the others are left alone. None runs all.
        inspect: is given the id of each step that came to its end, and raises an error to stop the run there.

    Attributes:
        progress: the reports, once the run has begun; None when only the `tfx` command has called `run`.
    """

    def __init__(
        self,
        screen: Screen,
        run_id: str,
        steps: Collection[str] | None = None,
        inspect: Callable[[str], None] = lambda step: None,
    ):
        super().__init__()
        self._inspect = inspect
        self._screen = screen
        self._steps = steps
        self.run_id = run_id
        self.progress: Progress | None = None

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None, **kwargs: Any
    ) -> None:
        """Runs the steps, in order, up to the first that fails.

        Raises:
            StepFailedError: names the step, and says what its component said.
        """
        if run_options:
            raise NotImplementedError("Partial runs are not supported: steps that have not changed are cached.")
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self.run_id}
        )
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        connection = deployment.metadata_connection_config
        connection = getattr(connection, connection.WhichOneof("connection_config"))
        absl.logging.set_verbosity(absl.logging.INFO)  # TFX's messages, for the log file
        # Of the whole pipeline: a pipeline of some steps alone might give them other keys in the cache.
        nodes = {node.pipeline_node.node_info.id: node for node in pipeline.nodes}
        chosen = [step for step in nodes if self._steps is None or step in self._steps]
        self.progress = Progress(self._screen, len(chosen))
        for step in chosen:
            self.progress.start(step)
            try:
                outcome = _launch(pipeline, nodes[step].pipeline_node, deployment, connection)
                self._inspect(step)
            except BaseException as error:
                self.progress.finish(step, "failed")
                if not isinstance(error, Exception):
                    raise
                _log.exception("%s failed.", step)
                raise StepFailedError(step, describe_error(error)) from error
            self.progress.finish(step, outcome)


def _launch(pipeline: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode, deployment: Any, connection: Any) -> str:
    """Runs one step; returns its outcome, ``done`` or ``cached``."""
    result = launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=metadata.Metadata(connection),
        pipeline_info=pipeline.pipeline_info,
        pipeline_runtime_spec=pipeline.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, node.node_info.id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node.node_info.id),
    ).launch()
    with metadata.Metadata(connection) as store:
        execution = store.store.get_executions_by_id([result.execution_id])[0] if result else None
    # TFX goes on silently when a step's inputs cannot be resolved; a person should know.
    if execution is None or execution.last_known_state not in _OUTCOMES:
        raise RuntimeError("Its inputs are not there, so it could not run.")
    # A resolver is always published as cached, because it produces nothing.
    is_resolver = node.node_info.type.name.endswith(".Resolver")
    return "done" if is_resolver else _OUTCOMES[execution.last_known_state]
