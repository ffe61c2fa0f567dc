"""The batch job: builds the Beam graph, runs it, and puts the results in their place."""

import dataclasses
import logging
import time

import apache_beam as beam

from components.batch_recommend import recommend
from components.batch_recommend.config import BatchConfig
from components.batch_recommend.output import Output
from components.batch_recommend.recommend import ModelHandle
from components.sequence_example_gen import graph, refusals, rejects, sources
from components.sequence_example_gen.balance import Balance
from schemas.errors import UserError
from schemas.identity import read_salt

_log = logging.getLogger("dspnet")


@dataclasses.dataclass(frozen=True)
class BatchSummary:
    """The counts of a job that is done.

    Attributes:
        users: number of users that have a row.
        without_history: number of users that have none, because none of their events lies before `as_of` and within
            `history_days`.
        rows_in: number of rows in the log.
        rows_rejected: number of bad rows.
        seconds: wall time, which includes loading the model.
    """

    users: int
    without_history: int
    rows_in: int
    rows_rejected: int
    seconds: float

    def __str__(self) -> str:
        without = f" ({self.without_history:,} more have no history)" if self.without_history else ""
        return (
            f"{self.users:,} users{without}, {self.rows_rejected:,} of {self.rows_in:,} rows rejected, "
            f"{self.seconds:.1f} s, {self.users / max(self.seconds, 1e-9):,.0f} users/s"
        )


def run(config: BatchConfig) -> BatchSummary:
    """Recommends for every user of a log.

    Raises:
        UserError: if the log, the model or the place for the results cannot be used; before any work where that can be
            told without reading the log.
        ValueError: if too many rows are bad; the results' folder lists them.
    """
    began = time.monotonic()
    model, output = ModelHandle(config.model), Output(config.out)
    try:
        salt = read_salt(config.demo)
        shards = sources.list_shards(config.source)
        model.load()
        output.create()
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from error
    _log.info("reading %s", f"{len(shards):,} files" if len(shards) > 1 else shards[0].path)
    try:
        balance = _recommend(config, salt, shards, model, output)
    finally:
        model.release()
        output.clean()
    return BatchSummary(
        users=balance[recommend.USERS],
        without_history=balance[recommend.WITHOUT_HISTORY],
        rows_in=balance["rows_in"],
        rows_rejected=balance["rows_rejected"],
        seconds=time.monotonic() - began,
    )


def _recommend(
    config: BatchConfig, salt: bytes, shards: list[sources.InputShard], model: ModelHandle, output: Output
) -> Balance:
    source, staging = config.source, output.staging
    summary = f"{staging}/summary.json"
    with beam.Pipeline(argv=list(config.beam_args)) as pipeline:
        log = graph.read_log(pipeline, source, config.partitions, salt, shards, output.rejects, staging)
        answers = (
            log.events
            | "ByPartition" >> beam.GroupByKey()
            | "Recommend" >> beam.ParDo(recommend.Recommend(config, model, output))
        )
        graph.merge_summaries((*log.summaries, answers), summary, staging)
    balance = refusals.make_balance(graph.read_summary(summary), source)
    if problems := refusals.find_bad_rows(balance, source, output.rejects):
        raise ValueError("\n".join(problems))
    if not balance["rows_rejected"]:
        rejects.write_empty_rejects(f"{output.rejects}/rejects-00000-00000.csv", staging)
    output.publish(config.partitions)
    return balance
