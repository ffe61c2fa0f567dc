"""Evaluations as RankingEvaluator writes them, and pipelines' folders that hold them, made up for tests."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_metadata as mlmd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ml_metadata.proto import metadata_store_pb2

METRICS = ("next_item/recall@5", "next_item/ndcg@5", "next_item/recall@10", "next_item/ndcg@10", "next_item/mrr")
GROUPS = ("low", "medium", "high")
COMPLETE, FAILED = metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.FAILED


def columns(users: int = 60, seed: int = 7, better: float = 0.0) -> dict[str, Any]:
    """Returns the columns of `sequences.parquet`: hits that `better` of the misses turn into."""
    generator, own = np.random.default_rng(7), np.random.default_rng(seed)
    found: dict[str, Any] = {
        "user_id": [f"{user:064x}" for user in range(users)],
        "sequence": np.arange(users, dtype=np.int64) * 7919 - 5,
        "group": [GROUPS[user % 3] for user in range(users)],
    }
    for metric in METRICS:
        hits = generator.random(users) < 0.3
        found[metric] = (hits | (own.random(users) < better)).astype(np.float32)
    found["next_unseen_item/recall@10"] = np.where(np.arange(users) % 4, found[METRICS[2]], np.nan).astype(np.float32)
    found["items/novelty@10"] = (10 + generator.random(users) + better).astype(np.float32)
    return found


def write_evaluation(
    folder: pathlib.Path,
    values: Mapping[str, Any] | None = None,
    name: str = "shop",
    digest: str = "9f3c",
    **changes: Any,
) -> pathlib.Path:
    """Writes `evaluation.json` and `sequences.parquet`."""
    values = columns() if values is None else values
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "name": name,
        "sequences": len(values["user_id"]),
        "digest": digest,
        "catalogue": {"items": 100, "scenes": 4},
        "k": [5, 10],
        "slices": {f"group={group}": {"title": f"histories of {group} length", "sequences": 20} for group in GROUPS},
        "models": {},
        **changes,
    }
    (folder / "evaluation.json").write_text(json.dumps(document))
    table = pa.table({key: pa.array(column, from_pandas=True) for key, column in values.items()})
    pq.write_table(table, folder / "sequences.parquet", row_group_size=25)
    return folder


class Pipeline:
    """The folder of a pipeline, with its metadata."""

    def __init__(self, folder: pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = str(folder / "metadata.db")
        config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self._store = mlmd.MetadataStore(config)
        self._context = self._store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))
        self._execution = self._store.put_execution_type(metadata_store_pb2.ExecutionType(name="step"))
        self._runs = 0

    def run(self, run_id: str, outputs: Mapping[str, pathlib.Path], states: Sequence[int] = ()) -> None:
        """Adds a run whose steps put out folders, by artifact type; more steps end in the states given."""
        self._runs += 1
        context = metadata_store_pb2.Context(type_id=self._context, name=run_id)
        (context_id,) = self._store.put_contexts([context])
        for kind, folder in outputs.items():
            type_id = self._store.put_artifact_type(metadata_store_pb2.ArtifactType(name=kind))
            (artifact,) = self._store.put_artifacts([metadata_store_pb2.Artifact(type_id=type_id, uri=str(folder))])
            event = metadata_store_pb2.Event(
                artifact_id=artifact,
                execution_id=self._step(context_id, COMPLETE),
                type=metadata_store_pb2.Event.OUTPUT,
            )
            self._store.put_events([event])
        for state in states:
            self._step(context_id, state)

    def evaluated(self, run_id: str, states: Sequence[int] = (), **evaluation: Any) -> pathlib.Path:
        """Adds a run with an evaluation; returns its folder."""
        folder = self.folder / "artifacts" / "RankingEvaluator" / "evaluation" / str(self._runs)
        self.run(run_id, {"ModelEvaluation": write_evaluation(folder, **evaluation)}, states)
        return folder

    def _step(self, context: int, state: int) -> int:
        step = metadata_store_pb2.Execution(type_id=self._execution, last_known_state=state)
        (execution,) = self._store.put_executions([step])
        link = metadata_store_pb2.Association(execution_id=execution, context_id=context)
        self._store.put_attributions_and_associations([], [link])
        return execution
