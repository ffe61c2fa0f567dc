"""The batch job: builds the Beam graph, runs it, and puts the results in their place."""

import dataclasses
import logging
import time

import apache_beam as beam

from components.batch_recommend import recommend
from components.batch_recommend.config import BatchSettings
from components.batch_recommend.model_handle import ModelHandle, UnusableModelError
from components.batch_recommend.output import Output
from components.sequence_example_gen import graph, rejects, sources
from components.sequence_example_gen.balance import Balance
from schemas.identity import read_salt

_log = logging.getLogger("dspnet")


class RequestError(ValueError):
    """A job that cannot begin as it was asked for; the message says why, and what to do."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What a job did.

    Attributes:
        users: how many have a row.
        without_history: how many have none, because no event of theirs lies before `as_of`, within `history_days`.
        rows_in: rows of the log.
        rows_rejected: bad ones.
        seconds: wall time, with the loading of the model.
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


def run(settings: BatchSettings) -> Report:
    """Recommends for every user of a log.

    Raises:
        RequestError: before any work, if the log, the model or the place for the results cannot be used.
        ValueError: if the log cannot be read, or too many rows are bad; these are listed in the results' folder.
    """
    began = time.monotonic()
    model, output = ModelHandle(settings.model), Output(settings.out)
    try:
        salt = read_salt(settings.demo)
        units = sources.list_shards(settings.source)
        model.load()
        output.create()
    except (ValueError, OSError, UnusableModelError) as error:
        raise RequestError(str(error)) from error
    _log.info("reading %s", f"{len(units):,} files" if len(units) > 1 else units[0].path)
    try:
        balance = _recommend(settings, salt, units, model, output)
    finally:
        model.release()
        output.clean()
    return Report(
        users=balance[recommend.USERS],
        without_history=balance[recommend.WITHOUT_HISTORY],
        rows_in=balance["rows_in"],
        rows_rejected=balance["rows_rejected"],
        seconds=time.monotonic() - began,
    )


def _recommend(
    settings: BatchSettings, salt: bytes, units: list[sources.InputShard], model: ModelHandle, output: Output
) -> Balance:
    source, staging = settings.source, output.staging
    summary = f"{staging}/summary.json"
    with beam.Pipeline(argv=list(settings.beam_args)) as pipeline:
        log = graph.read_log(pipeline, source, settings.partitions, salt, units, output.rejects, staging)
        asked = (
            log.events
            | "ByPartition" >> beam.GroupByKey()
            | "Recommend" >> beam.ParDo(recommend.Recommend(settings, model, output))
        )
        graph.sum_counters((*log.counters, asked), summary, staging)
    counts, problems = graph.read_summary(summary)
    balance = Balance(counts)
    if problems:
        raise ValueError("\n".join(sorted(problems)))
    if balance.bad_share > source.max_bad_share:
        raise ValueError(balance.describe_bad_rows(source.max_bad_share, output.rejects))
    if not balance["rows_rejected"]:
        rejects.write_empty_rejects(f"{output.rejects}/rejects-00000-00000.csv", staging)
    output.publish(settings.partitions)
    return balance
