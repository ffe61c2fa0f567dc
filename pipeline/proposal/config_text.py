"""Text of a proposed configuration: YAML with comments, for a person to read and change."""

import datetime
import textwrap
from collections.abc import Iterator
from typing import Any

from components.sequence_example_gen.timestamps import format_time
from pipeline.proposal.propose import Proposal
from reporting.numbers import format_bytes
from schemas.dotted_keys import as_text
from schemas.sequences import SPLITS

_WIDTH = 110


def write_config(name: str, proposal: Proposal) -> str:
    """Returns a proposal as YAML that `pipeline.config.load_config` reads, under the name of a pipeline."""
    lines = [*_write_head(proposal), f"name: {as_text(name)}", *_write_source(proposal), *_write_windows(proposal)]
    return "\n".join([*lines, *_write_model(proposal), *_write_evaluation(proposal)]) + "\n"


def _write_head(proposal: Proposal) -> Iterator[str]:
    profile = proposal.profile
    yield from _comment(
        f"Proposed by `dspnet init` for {proposal.files.path}: {profile.events:,} events of "
        f"{profile.number_of_users:,} users with {profile.items:,} items, from {format_time(profile.first_time)} to "
        f"{format_time(profile.last_time)} (UTC). `dspnet config --describe` explains every key."
    )
    if proposal.notes:
        yield from _comment("What could not be decided, or was a guess:")
        for note in proposal.notes:
            yield from _comment(note, first="# - ", rest="#   ")


def _write_source(proposal: Proposal) -> Iterator[str]:
    roles = proposal.roles
    yield "source:"
    for key, value in proposal.source.items():
        if key == "columns" and roles.scene is None:
            yield from _comment(
                "No column was found that tells where in the app an event happened, so all events are in one scene.",
                indent=2,
            )
        if key == "header":
            yield from _comment("The files have no header; these are names for their columns.", indent=2)
        yield f"  {key}: {_write_columns(value) if key == 'columns' else as_text(value)}"
    if roles.other_scenes:
        yield from _comment(f"Other columns that may be the scene: {', '.join(roles.other_scenes)}.", indent=2)
    for candidate in roles.keep:
        shown = as_text(list(candidate.values))
        if candidate.is_rating:
            yield from _comment(f"Only liked items: the column holds {shown}.", indent=2)
            middle = candidate.values[-1 - len(candidate.values) // 3]
            keep: dict[str, Any] = {candidate.column: f">={middle}"}
        else:
            yield from _comment(
                f"Only one kind of event, as the paper does; with all of them, all count alike. It holds {shown}.",
                indent=2,
            )
            keep = {candidate.column: [candidate.values[-1]]}
        yield f"  # keep: {as_text(keep)}"


def _write_windows(proposal: Proposal) -> Iterator[str]:
    split = proposal.split
    yield from _comment(split.reason)
    sizes = ", ".join(f"{split.sizes[name]:,} {name}" for name in SPLITS)
    yield from _comment(f"About so many sequences: {sizes}.")
    yield "windows:"
    if split.cutoffs:
        cutoffs = f"  cutoffs: [{', '.join(map(_write_cutoff, split.cutoffs))}]"
        yield from textwrap.wrap(cutoffs, _WIDTH, subsequent_indent="    ", drop_whitespace=True)
    if split.future_days:
        yield f"  future_days: {split.future_days}"
    yield f"  max_history: {proposal.model.max_history}"
    yield "split:"
    yield f"  by: {split.by}"


def _write_model(proposal: Proposal) -> Iterator[str]:
    model = proposal.model
    needed, free = format_bytes(model.training_bytes), format_bytes(proposal.memory)
    yield from _comment(f"Training takes about {needed} of memory; {free} are free on this machine.")
    yield "model:"
    yield f"  item_dim: {model.item_dim}"
    yield f"  scene_dim: {model.scene_dim}"
    yield f"  max_length: {model.max_length}"
    yield "training:"
    if model.samples_candidates:
        yield from _comment("The catalogue is large, so a step compares a sample of it.", indent=2)
        yield "  candidates: {sampling: log_uniform}"
    yield f"  batch_size: {model.batch_size}"
    yield from _comment("At most so many passes; training stops when the validation split gains no more.", indent=2)
    yield f"  epochs: {model.epochs}"
    if model.partitions != 8:
        yield "beam:"
        yield f"  partitions: {model.partitions}"


def _write_evaluation(proposal: Proposal) -> Iterator[str]:
    yield "evaluation:"
    yield from _comment(
        "Rules for a push, once you know what is good for this log, as in {next_item/recall@10: 0.10}.", indent=2
    )
    yield "  thresholds: {}"


def _write_columns(columns: dict[str, str | None]) -> str:
    # Each as a mapping of its own: inside braces more has to be quoted than outside.
    return "{" + ", ".join(as_text({field: column})[1:-1] for field, column in columns.items()) + "}"


def _write_cutoff(cutoff: datetime.datetime) -> str:
    return cutoff.date().isoformat() if cutoff.time() == datetime.time() else cutoff.isoformat()


def _comment(text: str, indent: int = 0, first: str = "# ", rest: str = "# ") -> list[str]:
    blank = " " * indent
    # A name of a file or a column may hold anything.
    clean = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return textwrap.wrap(
        clean, _WIDTH, initial_indent=blank + first, subsequent_indent=blank + rest, break_on_hyphens=False
    )
