"""The data as tables and a chart: size, what became of the events, lengths of sequences, and scenes."""

from typing import NamedTuple

from markupsafe import Markup

from components.report.content import EVENT_ACCOUNTING, DataStatistics
from reporting.charts import draw_histogram
from reporting.numbers import Numbers
from reporting.table import Cell, Column, Row, Table

_BAR = Column(Markup('<span class="unseen">as a bar</span>'), html_class="bar")


class DataSection(NamedTuple):
    """What the report shows of the data.

    Attributes:
        sizes: number of sequences and events of each split.
        events: what became of the events of the log.
        lengths_chart: lengths of sequences; None if no sequence was read.
        lengths: the numbers of that chart.
        scenes: the most frequent scenes; None without any.
        switches: how often a scene follows another; None without scenes.
    """

    sizes: Table
    events: Table
    lengths_chart: Markup | None
    lengths: Table
    scenes: Table | None
    switches: Table | None


def make_data_section(data: DataStatistics, numbers: Numbers) -> DataSection:
    """Returns what the report shows of the data."""
    lengths_chart = None
    if data.lengths.sampled:
        title = "Number of sequences by number of events"
        lengths_chart = draw_histogram(title, data.lengths.edges, data.lengths.sequences, "events")
    return DataSection(
        sizes=_make_sizes(data, numbers),
        events=_make_events(data, numbers),
        lengths_chart=lengths_chart,
        lengths=_make_lengths(data, numbers),
        scenes=_make_scenes(data, numbers) if data.scene_shares else None,
        switches=_make_switches(data, numbers) if data.switches.scenes else None,
    )


def _make_sizes(data: DataStatistics, numbers: Numbers) -> Table:
    shown = {"sequences": "count", "events": "count", "mean_history": "small", "mean_future": "small"}
    rows = []
    for place, size in enumerate(data.table3):
        cells = (numbers.number(format, "data", "table3", place, name) for name, format in shown.items())
        rows.append(Row((size.split, *cells), html_class="total" if size.split == "all" else ""))
    columns = (Column("split", words=True), *(Column(name.replace("_", " ")) for name in shown))
    return Table(columns, tuple(rows), "Sequences, as Table 3 of the paper")


def _make_events(data: DataStatistics, numbers: Numbers) -> Table:
    path, rows = ("data", "balance"), []
    for name, title in EVENT_ACCOUNTING.items():
        number = numbers.number("count", path, name)
        rows.append(Row((title, number, _make_bar((number.value or 0) / max(data.balance.events_in, 1)))))
        if name == "rejected":
            for reason in data.balance.reasons:
                number = numbers.number("count", path, "reasons", reason)
                rows.append(Row((reason.replace("_", " "), number, ""), html_class="part"))
    caption = Markup("Each of {} events that came in, counted once").format(numbers("count", path, "events_in"))
    columns = (Column("events", words=True), Column("number"), Column("of all", html_class="bar"))
    return Table(columns, tuple(rows), caption, html_class="names")


def _make_lengths(data: DataStatistics, numbers: Numbers) -> Table:
    path, rows = ("data", "lengths"), []
    for place in range(len(data.lengths.sequences)):
        low, high = (numbers.number("count", path, "edges", edge) for edge in (place, place + 1))
        rows.append(Row((Cell((low, " to below ", high)), numbers.number("count", path, "sequences", place))))
    columns = (Column("events", words=True), Column("sequences"))
    return Table(columns, tuple(rows), "Train sequences by number of events")


def _make_scenes(data: DataStatistics, numbers: Numbers) -> Table:
    rows = []
    for place, row in enumerate(data.scene_shares):
        share = numbers.number("share", "data", "scene_shares", place, "share")
        rows.append(Row((Cell((row.scene,), tooltip=row.scene), share, _make_bar(row.share))))
    sampled = numbers("count", "data", "sampled_sequences")
    caption = Markup("Scenes by their share of the events of {} train sequences").format(sampled)
    return Table((Column("scene", words=True), Column("share"), _BAR), tuple(rows), caption, html_class="names")


def _make_switches(data: DataStatistics, numbers: Numbers) -> Table:
    scenes, rows = data.switches.scenes, []
    for row, (scene, shares) in enumerate(zip(scenes, data.switches.share, strict=True)):
        cells = (
            Cell(
                (numbers.number("share", "data", "switches", "share", row, column),),
                html_style=f"--share:{round(share, 3)}",
            )
            for column, share in enumerate(shares)
        )
        rows.append(Row((Cell((scene,), tooltip=scene), *cells)))
    columns = (Column("after", words=True), *(Column(scene, tooltip=scene) for scene in scenes))
    return Table(columns, tuple(rows), "Next scene (column) after a scene (row)", html_class="matrix")


def _make_bar(share: float) -> Cell:
    width = round(100 * share, 1)
    return Cell((Markup('<span style="width:{}%"></span>').format(width),)) if width else Cell(())
