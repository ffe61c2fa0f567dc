import logging
import os
import pathlib
import sys

import pytest

from pipeline.console import redirect_output


def test_only_our_messages_and_errors_are_shown(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    log_file = tmp_path / "deep" / "run.log"
    root_handlers = logging.getLogger().handlers[:]
    with redirect_output(str(log_file)) as screen:
        screen.line("a line for the person")
        os.write(2, b"from C++\n")
        print("from print")
        print("from stderr", file=sys.stderr)
        logging.getLogger("tfx").info("from tfx")
        logging.getLogger("tfx").warning("warning of tfx")
        logging.getLogger("tfx").error("error of tfx\nwith details")
        logging.getLogger("dspnet").info("of our own")
        logging.getLogger("dspnet").warning("our warning")
    print("after")
    shown = capfd.readouterr()
    assert shown.out == "a line for the person\n  error: error of tfx\n  of our own\n  warning: our warning\nafter\n"
    assert not shown.err
    log = log_file.read_text()
    for text in ("from C++", "from print", "from stderr", "from tfx", "with details", "of our own"):
        assert text in log
    assert logging.getLogger().handlers == root_handlers


def test_output_is_restored_after_an_error(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(ValueError), redirect_output(str(tmp_path / "run.log")):
        raise ValueError
    print("seen")
    os.write(2, b"this, too\n")
    assert capfd.readouterr() == ("seen\n", "this, too\n")


def test_a_late_writer_does_no_harm(tmp_path: pathlib.Path) -> None:
    with redirect_output(str(tmp_path / "run.log")):
        kept = sys.stderr
    kept.write("too late")
