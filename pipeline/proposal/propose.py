"""Proposes a configuration for a log: looks at its files and columns, reads it, and chooses split and model."""

import dataclasses
import math
from typing import Any

from components.sequence_example_gen import rejects
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from pipeline.memory import measure_available
from pipeline.proposal.columns import Roles, assign_roles
from pipeline.proposal.log_files import LogFiles, look_at_files
from pipeline.proposal.log_profile import LogProfile, profile_log
from pipeline.proposal.model_size import ModelSize, choose_size
from pipeline.proposal.split_plan import SplitPlan, plan_split
from schemas.errors import UserError
from schemas.sequences import TRAIN

MISSING_SCENE = "unknown"
"""Scene that is proposed for events without one."""

MOST_BAD_SHARE = 0.05
"""Largest share of bad rows that a proposal allows; with more of them, the log was misunderstood, or is broken."""

_MOST_REASONS = 3
"""Reasons for bad rows, and files with them, that are spelled out."""


@dataclasses.dataclass(frozen=True)
class Proposal:
    """What was found out about a log, and what is proposed for it.

    Attributes:
        files: how the log is written.
        roles: which column holds what.
        source: values of the section `source` that differ from the defaults.
        profile: what the log holds.
        split: how to split it.
        model: how large a model to train.
        memory: bytes that are free on this machine.
        notes: what was a guess or could not be decided, each a sentence.
    """

    files: LogFiles
    roles: Roles
    source: dict[str, Any]
    profile: LogProfile
    split: SplitPlan
    model: ModelSize
    memory: int
    notes: tuple[str, ...]


def propose(path: str) -> Proposal:
    """Proposes a configuration for the log at a path, a file or a folder.

    Raises:
        UserError: if there is no log, it cannot be read, or a user, an item or a time is missing in it.
    """
    files = look_at_files(path)
    has_names = files.dialect is None or files.dialect.has_header
    roles = assign_roles(files.columns, files.typed_times, has_names)
    source = _describe_source(files, roles)
    profile, notes = _profile(source)
    split = plan_split(profile.users)
    memory = measure_available()
    model = choose_size(profile, split.sizes[TRAIN], memory)
    return Proposal(
        files=files,
        roles=roles,
        source=source,
        profile=profile,
        split=split,
        model=model,
        memory=memory,
        notes=(*files.notes, *roles.notes, *notes, *profile.warnings, *_note_sizes(profile, split, model)),
    )


def _describe_source(files: LogFiles, roles: Roles) -> dict[str, Any]:
    source: dict[str, Any] = {"path": files.path, "format": files.format}
    source["columns"] = {
        "user_id": roles.user,
        "item_id": roles.item,
        "scene_id": roles.scene,
        "timestamp": roles.time,
    }
    if dialect := files.dialect:
        if not dialect.has_header:
            source["header"] = list(dialect.names)
        if dialect.delimiter != ",":
            source["delimiter"] = "tab" if dialect.delimiter == "\t" else dialect.delimiter
        if dialect.quote != '"':
            source["quote"] = dialect.quote
        if dialect.newlines_in_fields:
            source["newlines_in_fields"] = True
        if dialect.encoding != "utf-8":
            source["encoding"] = dialect.encoding
    if roles.time_format is not None:
        if roles.time_format.pattern:
            source["time_pattern"] = roles.time_format.pattern
        else:
            source["timestamp_format"] = roles.time_format.format
    return source


def _profile(source: dict[str, Any]) -> tuple[LogProfile, list[str]]:
    """Reads the log; it settles in `source` what only the whole log tells: quotes, scenes, bad rows."""
    notes = []
    try:
        profile = _read(source)
    except SourceError:
        # A quote that is never closed, most likely; if it is something else, the second error says so.
        if source["format"] != "csv" or "quote" in source:
            raise
        source["quote"] = "none"
        profile = _read(source)
        notes.append("A quote opens a field and is never closed, so quotes are read as text.")
    scene = source["columns"]["scene_id"]
    if empty := profile.rejected.get((rejects.MISSING_FIELD, f"column {scene}: empty")):
        source["missing_scene"] = MISSING_SCENE
        profile = _read(source)
        notes.append(f"Events without a scene ({empty:,}) get the scene {MISSING_SCENE!r}.")
    default = SourceConfig.model_fields["max_bad_share"].default
    if profile.bad_share > MOST_BAD_SHARE:
        notes.append(
            f"{_describe_bad_rows(profile)}: too many to be left out, so source.max_bad_share stays at {default:.0%}, "
            f"and `dspnet run` will stop.{_name_bad_files(profile)} `dspnet check` shows the first of these rows."
        )
    elif profile.bad_share > default:
        source["max_bad_share"] = min(MOST_BAD_SHARE, math.ceil(profile.bad_share * 120) / 100)
        notes.append(
            f"{_describe_bad_rows(profile)}, more than source.max_bad_share allows by "
            "default; it was raised. `dspnet check` shows the first of them: mend the log if you can."
        )
    return profile, notes


def _describe_bad_rows(profile: LogProfile) -> str:
    frequent = sorted(profile.rejected.items(), key=lambda entry: (-entry[1], entry[0]))[:_MOST_REASONS]
    reasons = "; ".join(f"{count:,} {reason}, {detail}" for (reason, detail), count in frequent)
    return f"{profile.bad_share:.1%} of the rows are bad ({reasons})"


def _name_bad_files(profile: LogProfile) -> str:
    if not profile.bad_files:
        return ""
    shown, more = ", ".join(profile.bad_files[:_MOST_REASONS]), len(profile.bad_files) - _MOST_REASONS
    others = f" and {more:,} other files" if more > 0 else ""
    return f" Bad are most rows of {shown}{others}: write them like the other files, or leave them out."


def _read(source: dict[str, Any]) -> LogProfile:
    profile = profile_log(SourceConfig.model_validate(source))
    if profile is None:
        raise UserError(f"{source['path']}: no row could be read as an event, as columns and times were understood.")
    return profile


def _note_sizes(profile: LogProfile, split: SplitPlan, model: ModelSize) -> list[str]:
    notes = []
    if profile.read_share < 1:
        notes.append(
            f"The log is large: only {profile.read_share:.0%} of its files or row groups were read, spread over it. "
            "All figures are of that part."
        )
    if profile.users.user_share < 1:
        notes.append(
            f"Users, repeats, ties and sequences are estimated from {profile.users.user_share:.2%} of the users."
        )
    if model.is_tight:
        notes.append("The memory of this machine is why the model is no wider.")
    return notes
