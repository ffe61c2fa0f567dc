"""Check of a configuration: the ingest alone, into a temporary folder, and all that would stop a run later."""

import csv
import dataclasses
import glob
import heapq
import os
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline.cache_keys import fingerprint_item_names
from pipeline.config import BeamConfig, PipelineConfig
from pipeline.console import StepFailedError, describe_error, redirect_output
from pipeline.split_sizes import find_size_problems, find_size_warnings
from pipeline.workspace import find_workspace
from reporting.console import short_path
from schemas.errors import UserError
from schemas.identity import DEMO_SALT, read_salt
from schemas.plural import count_noun
from schemas.sequences import SPLITS, TRAIN

if TYPE_CHECKING:
    from components.sequence_example_gen.balance import Balance
    from pipeline.target_coverage import TargetCoverage

SHOWN_REJECTS = 3


@dataclasses.dataclass(frozen=True)
class RejectedRow:
    """A row that was rejected.

    Attributes:
        file: the file it is in.
        row: its number there; of a text file, that of the line.
        reason: the reason's name.
        detail: the reason in words, without any value of the row.
    """

    file: str
    row: int
    reason: str
    detail: str

    @property
    def place(self) -> str:
        """Where it is in its file, for people."""
        return f"row {self.row:,}" if self.file.lower().endswith(".parquet") else f"line {self.row:,}"


@dataclasses.dataclass(frozen=True)
class Findings:
    """What the ingest of a configuration came to.

    Attributes:
        balance: what became of every event.
        coverage: how many targets are in the catalogue, by split.
        rejected: the first rejected rows.
        problems: what would stop `dspnet run`, each with what to do.
        warnings: what would not stop it, but a person should know.
    """

    balance: "Balance"
    coverage: Mapping[str, "TargetCoverage"]
    rejected: tuple[RejectedRow, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"  {label:<12}{text}" for label, text in self._list_facts()]
        lines += [
            f"  Rejected: {short_path(row.file)}, {row.place}: {row.detail} ({row.reason})" for row in self.rejected
        ]
        lines += [f"Beware: {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _list_facts(self) -> list[tuple[str, str]]:
        balance = self.balance
        rejected = f"{balance['rows_rejected']:,} ({balance.bad_share:.2%}) rejected"
        rejected += "".join(f"; {count:,} {reason}" for reason, count in balance.reasons.items())
        events, _, made = str(balance).partition(" -> sequences: ")
        facts = [
            ("rows", f"{balance['rows_in']:,} read, {rejected}"),
            ("log", ", ".join(count_noun(balance[f"{name}s"], name) for name in ("user", "item", "scene"))),
            ("times", balance.describe_times().removeprefix("The log's events lie ").rstrip(".")),
            ("balance", events),
            ("sequences", made),
        ]
        outside = ", ".join(
            f"{part.outside_share:.1%} in {split}" for split, part in self.coverage.items() if part.targets
        )
        if outside:
            facts.append(("targets", f"outside the catalogue, so never recommended: {outside}"))
        return facts


def check(config: PipelineConfig) -> None:
    """Checks a configuration against its log, reporting on standard output; it leaves nothing behind.

    Raises:
        UserError: if the log cannot be read at all.
        StepFailedError: if `dspnet run` would fail; lists everything that would stop it.
    """
    print(f"{config.name}: reading {config.source.path}")
    with tempfile.TemporaryDirectory(prefix="dspnet-check-") as folder:
        log_file = os.path.join(folder, "check.log")
        with redirect_output(log_file) as screen:
            try:
                findings = examine(config, folder)
            except UserError:
                raise
            except Exception as error:
                traceback.print_exc()  # into the log file
                raise StepFailedError("check", describe_error(error)) from error
            screen.line(str(findings))
    if findings.problems:
        count = len(findings.problems)
        listed = "\n".join(f"- {problem}" for problem in findings.problems)
        raise StepFailedError("check", f"{count_noun(count, 'problem')} would stop `dspnet run`:\n{listed}")
    print("Nothing here would stop `dspnet run`.")


def examine(config: PipelineConfig, folder: str) -> Findings:
    """Runs the ingest of a configuration into a folder, and finds everything that would stop a run.

    Raises:
        UserError: if the log cannot be read at all.
    """
    # Imported here, because TensorFlow and Beam speak when they are imported.
    import apache_beam as beam

    from components.sequence_example_gen.ingest import IngestFolders, find_problems, ingest
    from pipeline.prepare import prepare_if_missing, prepare_names_if_missing
    from pipeline.target_coverage import measure_coverage

    prepare_if_missing(config.source)
    prepare_names_if_missing(config.source, config.report.items)
    problems = find_setting_problems(config)
    folders = IngestFolders(*(os.path.join(folder, name) for name in ("examples", "id_map", "rejects", "staging")))
    settings = config.make_ingest_settings()
    # Which users test depends on the salt; how many do, hardly.
    try:
        balance = ingest(settings, DEMO_SALT.encode(), folders, lambda: beam.Pipeline(argv=list(BeamConfig().args)))
    except UserError as error:
        raise UserError("\n".join([*problems, str(error)])) from error
    found = find_problems(balance, settings)
    sizes = {split: balance[f"sequences_{split}"] for split in SPLITS}
    if sizes[TRAIN]:
        found += find_size_problems(config, sizes)
    return Findings(
        balance=balance,
        coverage=measure_coverage(folders.examples),
        rejected=read_first_rejects(folders.rejects),
        problems=(*problems, *found),
        warnings=(*balance.warnings, *(find_size_warnings(config, sizes) if sizes[TRAIN] else ())),
    )


def find_setting_problems(config: PipelineConfig) -> list[str]:
    """Returns what about this machine and its settings would stop a run of a configuration, whatever the log."""
    problems = []
    for look in (
        lambda: read_salt(config.demo),
        lambda: find_workspace(config),
        lambda: fingerprint_item_names(config.report.items),
        lambda: _load_index(config),
    ):
        try:
            look()
        except UserError as error:
            problems.append(str(error))
    return problems


def _load_index(config: PipelineConfig) -> None:
    """Loads what the index of the served model needs, as the trainer does before it trains."""
    if config.serving.retrieval != "scann":
        return
    # Imported here, because TensorFlow speaks when it is imported.
    from model.retrieval.scann import load_operations

    try:
        load_operations()
    except ImportError as error:
        raise UserError(str(error)) from error


def read_first_rejects(folder: str, most: int = SHOWN_REJECTS) -> tuple[RejectedRow, ...]:
    """Returns the first rejected rows that an ingest has listed in a folder, in the order of files and rows."""
    first: list[RejectedRow] = []
    for path in sorted(glob.glob(os.path.join(folder, "rejects-*.csv"))):
        # Within a file they stand block by block, and in a block by what is wrong with them.
        first += heapq.nsmallest(most - len(first), _read_rejects(path), key=lambda rejected: rejected.row)
        if len(first) == most:
            break
    return tuple(first)


def _read_rejects(path: str) -> Iterator[RejectedRow]:
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield RejectedRow(row["file"], int(row["row"]), row["reason"], row["detail"])
