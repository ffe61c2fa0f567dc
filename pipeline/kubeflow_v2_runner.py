"""Compiles the pipeline for Kubeflow Pipelines v2 and Vertex AI, as JSON, without any connection.

Example:
    python -m pipeline.kubeflow_v2_runner --config configs/my_log.yaml --image IMAGE \
        --pipeline-root gs://bucket/runs --serving-dir gs://bucket/models/my_log --output pipeline.json

The image must hold this project, installed, and the variable DSPNET_SALT unless the configuration is a demo: the
salt is never written into the pipeline.
"""

import argparse
import os
import re
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from pipeline.config import PipelineConfig, load_config
from pipeline.exit_codes import run_command
from schemas.errors import UserError

IMAGE_SCHEMA_FILE = "/dspnet/schemas/sequence_examples.pbtxt"
"""Where the schema lies in the image."""

_GOOGLES_PLANS = (
    "You are using a Python version .* which Google will stop supporting",
    "Support for google-cloud-storage < 3.0.0 will be removed",
)
"""Warnings of Google's libraries, at their import, about versions that TFX prescribes: nobody here can act on them."""


def compile_pipeline(
    config: PipelineConfig,
    *,
    image: str,
    pipeline_root: str,
    serving_dir: str,
    output: str,
    schema_file: str = IMAGE_SCHEMA_FILE,
) -> dict[str, Any]:
    """Writes the pipeline as JSON and returns it.

    Args:
        config: what to run.
        image: container image of every step.
        pipeline_root: folder of the artifacts, as the cluster sees it.
        serving_dir: folder of the pushed versions, as the cluster sees it.
        output: the JSON file to write.
        schema_file: the TFMD schema in the image.

    Raises:
        UserError: if the configuration only makes sense on this machine.
    """
    log = None if config.source.format == "tfds" else config.source.path
    for key, path in (("source.path", log), ("report.items.path", config.report.items.path)):
        if path is not None and not re.match(r"\w+://|/", path):
            raise UserError(
                f"{key}: a cluster needs a path that all its workers see, as in gs://bucket/log/*.parquet or an "
                f"absolute path in the image. Received: {path!r}"
            )
    with warnings.catch_warnings():
        for message in _GOOGLES_PLANS:
            warnings.filterwarnings("ignore", message, FutureWarning)
        from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

        from pipeline.cache_keys import compute_source_digests
        from pipeline.pipeline import create_pipeline

    # Kubeflow allows no underscore in a pipeline's name.
    config = config.model_copy(update={"name": config.name.replace("_", "-")})
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(default_image=image, use_pipeline_spec_2_1=True),
        output_dir=os.path.dirname(os.path.abspath(output)),
        output_filename=os.path.basename(output),
    )
    definition = create_pipeline(
        config,
        pipeline_root=pipeline_root,
        serving_dir=serving_dir,
        source_digests=compute_source_digests(),
        schema_file=schema_file,
    )
    return runner.run(definition, write_out=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Compiles the pipeline that the command line names; returns the exit code: 2 for a wrong configuration."""
    parser = argparse.ArgumentParser(description="Compiles the pipeline for Kubeflow Pipelines v2 and Vertex AI.")
    parser.add_argument("--config", required=True, metavar="FILE")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a key; may be repeated"
    )
    parser.add_argument("--image", required=True, help="container image with this project installed")
    parser.add_argument("--pipeline-root", required=True, metavar="URI", help="folder of the artifacts")
    parser.add_argument("--serving-dir", required=True, metavar="URI", help="folder of the pushed versions")
    parser.add_argument(
        "--schema-file", default=IMAGE_SCHEMA_FILE, help="the schema in the image (default: %(default)s)"
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="JSON file to write")
    arguments = vars(parser.parse_args(argv))

    def work() -> None:
        compile_pipeline(load_config(arguments.pop("config"), arguments.pop("set")), **arguments)
        print(f"Wrote {arguments['output']}")

    return run_command(work, "Stopped. Nothing was written.")


if __name__ == "__main__":
    sys.exit(main())
