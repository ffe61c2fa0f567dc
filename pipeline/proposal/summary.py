"""Summary of a proposal: what a person reads in the terminal."""

from collections.abc import Iterator

import numpy as np

from components.sequence_example_gen.timestamps import format_time
from pipeline.proposal.propose import Proposal
from reporting.numbers import format_bytes
from schemas.plural import count_noun
from schemas.sequences import SPLITS

_NAMED_DELIMITERS = {"\t": "tab", " ": "blank"}


def summarise(proposal: Proposal) -> str:
    """Returns what was found and what is proposed, in lines of a label and a text."""
    lines = [f"  {label:<10}{text}" for label, text in _list_facts(proposal)]
    if proposal.notes:
        lines += ["What could not be decided, or was a guess:", *(f"  - {note}" for note in proposal.notes)]
    return "\n".join(lines)


def _list_facts(proposal: Proposal) -> Iterator[tuple[str, str]]:
    files, roles, profile, split, model = (
        proposal.files, proposal.roles, proposal.profile, proposal.split, proposal.model,
    )  # fmt: skip
    yield "files", f"{count_noun(files.number, 'file')}, {_format_size(files.size)}, {_describe_dialect(proposal)}"
    scene = roles.scene or "none found: all events are in one scene"
    if roles.other_scenes:
        scene += f" ({', '.join(roles.other_scenes)} may be the scene, too)"
    yield "columns", f"user {roles.user}, item {roles.item}, scene {scene}"
    written = f" ({roles.time_format})" if roles.time_format else ""
    yield (
        "time",
        f"{roles.time}{written}, from {format_time(profile.first_time)} to {format_time(profile.last_time)} (UTC)",
    )
    yield "rows", f"{profile.rows:,} read, {profile.rows - profile.events:,} bad"
    lengths = profile.users.events_per_user
    about = "about " if profile.users.user_share < 1 else ""
    yield (
        "users",
        f"{about}{profile.number_of_users:,}, with {profile.events / max(profile.number_of_users, 1):.1f} events each; "
        f"half have {np.median(lengths):.0f} or fewer, a tenth {np.quantile(lengths, 0.9):.0f} or more",
    )
    yield "items", f"{profile.items:,}"
    yield "scenes", f"{profile.scenes:,}"
    yield "repeats", f"{profile.users.repeat_share:.1%} of the events are about an item that the user had before"
    yield "ties", f"{profile.users.tie_share:.1%} of the events share user and time with another"
    for candidate in roles.keep:
        what = "holds ratings" if candidate.is_rating else "tells kinds of events apart"
        yield "keep?", f"column {candidate.column} {what}: {', '.join(candidate.values)}"
    cutoffs = ", ".join(
        f"{cutoff:%Y-%m-%d}" if not cutoff.hour else f"{cutoff:%Y-%m-%d %H:%M}" for cutoff in split.cutoffs
    )
    yield "split", f"by {split.by}" + (f", cutoff{'s' if len(split.cutoffs) > 1 else ''} {cutoffs}" if cutoffs else "")
    yield "sequences", "about " + ", ".join(f"{split.sizes[name]:,} {name}" for name in SPLITS)
    yield (
        "model",
        f"item_dim {model.item_dim}, max_length {model.max_length}, batch_size {model.batch_size}; training takes "
        f"about {format_bytes(model.training_bytes)} of {format_bytes(proposal.memory)} free memory",
    )


def _format_size(size: int) -> str:
    return format_bytes(size) if size >= 1_000_000 else f"{max(size // 1000, 1)} kB"


def _describe_dialect(proposal: Proposal) -> str:
    dialect = proposal.files.dialect
    if dialect is None:
        return {"jsonl": "JSON Lines", "parquet": "Parquet"}[proposal.files.format]
    delimiter = _NAMED_DELIMITERS.get(dialect.delimiter, f"'{dialect.delimiter}'")
    quote = ", quotes are text" if dialect.quote == "none" else ""
    header = "a header" if dialect.has_header else "no header"
    return f"CSV in {dialect.encoding}, separator {delimiter}, {header}{quote}"
