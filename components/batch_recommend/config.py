"""The configuration of a batch job."""

import dataclasses
import datetime

from components.sequence_example_gen.config import SourceConfig, Ties


@dataclasses.dataclass(frozen=True)
class BatchConfig:
    """One batch job.

    Attributes:
        source: the log.
        max_history: largest number of a user's events that are read, the last ones.
        partitions: number of parts that users are hashed into; each must fit one worker's memory.
        demo: whether users may be hashed without a secret salt.
        beam_args: flags for Beam.
        model: folder of one version, as seen by the workers.
        out: folder for the results; must not exist, or be empty.
        as_of: events from this time on are ignored (without a zone: UTC); None reads all.
        history_days: number of days before `as_of` in which the first event may lie; None reads all.
        top: largest number of items, of items of the period, and of scenes, for each user.
        unseen: whether items of a user's own events are left out.
        ties: order of events of one user and time, as in training.
    """

    source: SourceConfig
    max_history: int
    partitions: int
    demo: bool
    beam_args: tuple[str, ...]
    model: str
    out: str
    as_of: datetime.datetime | None = None
    history_days: int | None = None
    top: int = 10
    unseen: bool = False
    ties: Ties = "shuffled"
