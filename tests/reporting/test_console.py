import io
import os
import re
import time

import pytest

from reporting.console import OutputClosedError, Screen, closing_live_lines

BEGUN = "[1/1] Gen … "


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def a_terminal_of_80_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


def text_of(stream: io.StringIO) -> str:
    """What was written, without the sequences that move the cursor and choose colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_messages_between_begin_and_end_keep_lines_whole() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.begin(BEGUN)
    screen.line("  hello")
    screen.end(BEGUN, "4.2 s")
    assert stream.getvalue() == "[1/1] Gen … \n  hello\n[1/1] Gen … 4.2 s\n"


def test_an_open_line_is_completed() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.begin(BEGUN)
    screen.end(BEGUN, "4.2 s", "green")
    assert stream.getvalue() == "[1/1] Gen … 4.2 s\n"


def test_a_terminal_gets_each_line_once_and_the_live_line_goes() -> None:
    stream = Terminal()
    screen = Screen(stream)
    screen.begin(BEGUN)
    screen.line("  hello")
    screen.redraw("epoch 1")
    screen.end(BEGUN, "4.2 s", "green")
    lasting = [line.split("\r")[-1] for line in text_of(stream).splitlines() if not re.search("[⠀-⣿]", line)]
    assert [line for line in lasting if line.strip(" ") not in ("", "epoch 1")] == ["  hello", "[1/1] Gen … 4.2 s"]
    assert "epoch 1" in text_of(stream) and "[1/1] Gen … 0.0 s" in text_of(stream)
    assert stream.getvalue().endswith("[1/1] Gen … \x1b[32m4.2 s\x1b[0m\n")
    assert "\x1b[?25l" not in stream.getvalue(), "the cursor is never hidden: a killed process could not show it"


def test_the_live_line_tells_the_time_by_itself() -> None:
    stream = Terminal()
    screen = Screen(stream)
    screen.begin(BEGUN)
    deadline = time.monotonic() + 10
    while len(re.findall(r"Gen … \d", text_of(stream))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    screen.close()
    assert len(re.findall(r"Gen … \d", text_of(stream))) > 1


def test_live_line_is_for_terminals_only() -> None:
    file, terminal = io.StringIO(), Terminal()
    for stream in (file, terminal):
        with closing_live_lines():
            Screen(stream).redraw("50%")
    assert file.getvalue() == "" and "50%" in terminal.getvalue()


def test_a_dumb_terminal_gets_what_a_file_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    screen = Screen(stream)
    screen.begin(BEGUN)
    screen.redraw("50%")
    screen.end(BEGUN, "4.2 s", "green")
    assert stream.getvalue() == "[1/1] Gen … 4.2 s\n"


def test_a_live_line_is_cut_to_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    terminal = Terminal()
    with closing_live_lines():
        screen = Screen(terminal)
        for text in ("123456789", "1234567890123", ""):
            screen.redraw(text)
    shown = text_of(terminal)
    assert "123456789 " in shown and "12345678901…" in shown


def test_lines_that_stay_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    for stream in (io.StringIO(), Terminal()):
        Screen(stream).line("[b]:smile: " + "x" * 30)
        assert stream.getvalue() == "[b]:smile: " + "x" * 30 + "\n"


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    Screen(stream).line("failed", "red")
    assert stream.getvalue() == "failed\n"


def test_a_live_line_goes_with_an_error() -> None:
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), closing_live_lines():
        Screen(stream).begin(BEGUN)
        raise KeyboardInterrupt
    written = stream.getvalue()
    time.sleep(0.5)
    assert stream.getvalue() == written and written.endswith("\x1b[2K")


def test_output_that_nobody_reads_is_an_interruption() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    with pytest.raises(OutputClosedError):
        Screen(stream).line("hello")
    with pytest.raises(BrokenPipeError):
        stream.close()
