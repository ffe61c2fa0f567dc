"""What a batch job is told."""

import dataclasses
import datetime

from components.sequence_example_gen.config import SourceConfig


@dataclasses.dataclass(frozen=True)
class BatchSettings:
    """One batch job.

    Attributes:
        source: the log.
        max_history: of each user, the last this many events are read.
        partitions: into how many parts users are hashed; each must fit one worker's memory.
        demo: whether users may be hashed without a secret salt.
        beam_args: flags handed to Beam.
        model: folder of one version, as seen by the workers.
        out: folder for the results; must not exist, or be empty.
        as_of: events from this time on are ignored (without a zone: UTC); None reads all.
        history_days: how long before `as_of` the first event may lie; None reads all.
        top: most items, and most scenes, for each user.
        unseen: whether items of a user's own events are left out.
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
