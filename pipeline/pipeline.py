"""The pipeline itself: which step follows which. Runners decide where it runs."""

import posixpath
from collections.abc import Mapping
from typing import Any

# Part by part: all of `tfx.v1` would bring Vertex AI's client, which takes a third of the time until a run begins.
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.components.base import base_component
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.pusher_pb2 import PushDestination
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.catalogue.component import Catalogue
from components.infra_validator.component import InfraValidator
from components.pusher.component import Pusher
from components.ranking_evaluator.component import RankingEvaluator
from components.report.component import Report
from components.sequence_example_gen.component import SequenceExampleGen
from components.strict_example_validator.component import StrictExampleValidator
from components.trainer.component import Trainer
from pipeline.config import PipelineConfig
from schemas import sequences

# By name: importing the model here would bring TensorFlow into every runner, the `tfx` command included.
RUN_FN = "model.trainer.run_fn"


def create_pipeline(
    config: PipelineConfig,
    *,
    pipeline_root: str,
    serving_dir: str,
    metadata_connection_config: Any = None,
    source_digests: Mapping[str, str] | None = None,
    input_fingerprint: str = "",
    salt_fingerprint: str = "",
    names_fingerprint: str = "",
    schema_file: str = sequences.SCHEMA_FILE,
) -> Pipeline:
    """Builds the pipeline from the log to the pushed model and the report; reads and writes no file.

    Args:
        config: what to run.
        pipeline_root: folder of the artifacts.
        serving_dir: folder that gets one subfolder for each pushed version.
        metadata_connection_config: where ML Metadata lives; left to the orchestrator when None.
        source_digests: digest of the code of each of our components, by component id. Changed code, log or item names
            (`pipeline.cache_keys`) make steps run that would else be answered from the cache.
        input_fingerprint: digest of the log's files.
        salt_fingerprint: digest of the salt that users are hashed with.
        names_fingerprint: digest of the table of item names.
        schema_file: the TFMD schema, as seen from where the step runs.
    """
    digests = source_digests or {}
    example_gen = SequenceExampleGen(
        settings=config.make_ingest_settings().model_dump_json(),
        input_fingerprint=input_fingerprint,
        salt_fingerprint=salt_fingerprint,
    )
    statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"])
    schema = ImportSchemaGen(schema_file=schema_file)
    validator = StrictExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema.outputs["schema"])
    catalogue = Catalogue(examples=example_gen.outputs["examples"], id_map=example_gen.outputs["id_map"])
    trainer = Trainer(
        examples=example_gen.outputs["examples"],
        catalogue=catalogue.outputs["catalogue"],
        run_fn=RUN_FN,
        job=config.make_training_job(
            # Outside the artifact's folder, which TFX removes when a step fails: a killed training resumes from here.
            checkpoint_dir=posixpath.join(pipeline_root, "checkpoints"),
            source_digest=digests.get("Trainer", ""),
        ),
    )
    baseline = Resolver(
        strategy_class=latest_blessed_model_strategy.LatestBlessedModelStrategy,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("latest_blessed_model")
    evaluator = RankingEvaluator(
        examples=example_gen.outputs["examples"],
        catalogue=catalogue.outputs["catalogue"],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["model"],
        name=config.name,
        candidate=config.model.method.title,
        settings=config.evaluation.model_dump_json(),
    )
    infra_validator = InfraValidator(
        examples=example_gen.outputs["examples"],
        catalogue=catalogue.outputs["catalogue"],
        model=trainer.outputs["model"],
    )
    pusher = Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=infra_validator.outputs["blessing"],
        catalogue=catalogue.outputs["catalogue"],
        push_destination=PushDestination(filesystem=PushDestination.Filesystem(base_directory=serving_dir)),
        items=config.report.items,
        names_fingerprint=names_fingerprint,
    )
    # Not behind Pusher: a person wants to know most about a model that was refused.
    report = Report(
        examples=example_gen.outputs["examples"],
        statistics=statistics_gen.outputs["statistics"],
        id_map=example_gen.outputs["id_map"],
        catalogue=catalogue.outputs["catalogue"],
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        name=config.name,
        settings=config.report.model_dump_json(),
        config=config.model_dump(mode="json"),
        source_digests=digests,
        names_fingerprint=names_fingerprint,
    )
    # No data flows along these edges. Anomalies must stop the run before the costly steps.
    catalogue.add_upstream_node(validator)
    trainer.add_upstream_node(validator)
    for component in (example_gen, validator, catalogue, evaluator, infra_validator, pusher, report):
        _add_to_cache_key(component, digests.get(component.id, ""))
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=pipeline_root,
        components=[
            example_gen, statistics_gen, schema, validator, catalogue, trainer, baseline, evaluator, infra_validator,
            pusher, report,
        ],
        enable_cache=config.enable_cache,
        metadata_connection_config=metadata_connection_config,
        beam_pipeline_args=list(config.beam.args),
    )  # fmt: skip


def _add_to_cache_key(component: base_component.BaseComponent, digest: str) -> None:
    """TFX hashes the executor's flags into the cache key, and our executors read none of them."""
    if digest:
        component.executor_spec.add_extra_flags([f"--source_digest={digest}"])
