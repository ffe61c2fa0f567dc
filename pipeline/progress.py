"""One line a step: what runs, how long it took, how much memory it needed."""

import dataclasses
import json
import time
from collections.abc import Callable

from pipeline import memory
from pipeline.screen import Screen


@dataclasses.dataclass(frozen=True)
class StepReport:
    """How a step went.

    Attributes:
        name: id of the step.
        outcome: ``done``, ``cached`` or ``failed``.
        seconds: wall time.
        peak_bytes: most memory of this process during the step; None where the kernel does not tell.
    """

    name: str
    outcome: str
    seconds: float
    peak_bytes: int | None


class Progress:
    """Tells a person which step runs, and keeps the reports.

    Args:
        screen: where to tell it.
        steps: how many steps there will be.
        clock: seconds.
        peak_bytes: most memory since the step began.
    """

    def __init__(
        self,
        screen: Screen,
        steps: int,
        clock: Callable[[], float] = time.monotonic,
        peak_bytes: Callable[[], int | None] = memory.peak_bytes,
    ):
        self._screen = screen
        self._steps = steps
        self._clock = clock
        self._peak_bytes = peak_bytes
        self._began = clock()
        self.reports: list[StepReport] = []

    def start(self, name: str) -> None:
        """Announces a step."""
        self._line = f"[{len(self.reports) + 1}/{self._steps}] {name} … "
        self._screen.begin(self._line)
        memory.reset_peak()
        self._step_began = self._clock()

    def finish(self, name: str, outcome: str) -> None:
        """Tells how the step that was started went; `outcome` as in `StepReport`."""
        report = StepReport(name, outcome, self._clock() - self._step_began, self._peak_bytes())
        self.reports.append(report)
        self._screen.end(self._line, _summary(report))

    def total(self) -> str:
        """Returns one line about all steps so far."""
        peaks = [report.peak_bytes for report in self.reports if report.peak_bytes]
        text = f"{len(self.reports)} steps in {format_seconds(self._clock() - self._began)}"
        return f"{text}, peak {format_bytes(max(peaks))}" if peaks else text

    def save(self, path: str) -> None:
        """Writes the reports as JSON."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"steps": [dataclasses.asdict(report) for report in self.reports]}, file, indent=2)
            file.write("\n")


def _summary(report: StepReport) -> str:
    if report.outcome == "cached":
        return "cached"
    outcome = "" if report.outcome == "done" else f"{report.outcome} after "
    peak = f", peak {format_bytes(report.peak_bytes)}" if report.peak_bytes else ""
    return f"{outcome}{format_seconds(report.seconds)}{peak}"


def format_seconds(seconds: float) -> str:
    """Writes a duration for people.

    >>> format_seconds(4.23), format_seconds(75), format_seconds(3725)
    ('4.2 s', '1 min 15 s', '1 h 02 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_bytes(size: int) -> str:
    """Writes an amount of memory for people.

    >>> format_bytes(1_100_000_000), format_bytes(250_000_000)
    ('1.1 GB', '250 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
