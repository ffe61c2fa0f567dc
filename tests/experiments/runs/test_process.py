import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from experiments.runs.process import LOCK_FILE, WorkerProcess, describe_exit, exclusive_lock
from schemas.errors import UserError


def _echo(link, text):
    link.send((text, os.getpid(), os.getpgid(0)))
    link.send(link.recv() + 1)


def _end(link, code):
    link.send("last words")
    sys.stderr.flush()
    os._exit(code)


def _hold(link, size):
    """Takes memory, and starts a process that takes as much."""
    memory = bytearray(b"1") * size
    code = f"memory = bytearray(b'1') * {size}; print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", code], **pipes)
    child.stdout.readline()
    link.send(child.pid)
    time.sleep(60)
    del memory


def _wait(link):
    try:
        link.send("waiting")
        time.sleep(60)
    except KeyboardInterrupt:
        link.send("interrupted")


def _parent(link):
    """Starts another process, as a parent that will be killed."""
    with WorkerProcess(_hold, 1) as process:
        for message in process.receive(10):
            if message is not None:
                link.send((process._process.pid, message))


def _gone(*pids):
    """Whether processes end within some seconds."""
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def _first(process):
    return next(message for message in process.receive(10) if message is not None)


def test_messages_go_both_ways_with_a_process_of_another_group():
    with WorkerProcess(_echo, "hello") as process:
        messages = process.receive(10)
        text, pid, group = next(messages)
        assert text == "hello" and pid == group != os.getpgid(0)
        process.link.send(1)
        assert next(messages) == 2
        assert list(messages) == [] and process.exit_code == 0


@pytest.mark.parametrize("code", [0, 3])
def test_last_words_are_heard_and_the_exit_code_is_known(code):
    with WorkerProcess(_end, code) as process:
        assert [message for message in process.receive(10) if message] == ["last words"]
        assert process.exit_code == code


def test_silence_is_told():
    with WorkerProcess(_wait) as process:
        seen = set()
        for message in process.receive(0.02):
            seen.add(message)
            if len(seen) == 2:
                break
        assert seen == {None, "waiting"}


def test_memory_of_the_whole_family_is_counted_and_all_of_it_is_killed():
    size = 200_000_000
    with WorkerProcess(_hold, size) as process:
        grandchild = _first(process)
        assert process.measure_memory() > 2 * size
        pid = process._process.pid
    assert _gone(pid, grandchild)
    assert process.exit_code == -signal.SIGKILL and process.measure_memory() == 0


def test_ctrl_c_in_a_terminal_does_not_reach_it_while_it_starts():
    with WorkerProcess(_echo, "hello") as process:
        os.kill(process._process.pid, signal.SIGINT)
        assert _first(process)[0] == "hello"


def test_an_interrupt_lets_it_tidy_up():
    with WorkerProcess(_wait) as process:
        messages = process.receive(10)
        assert next(messages) == "waiting"
        process.interrupt()
        assert next(messages) == "interrupted" and process.exit_code == 0


def test_it_does_not_outlive_a_parent_that_is_killed():
    with WorkerProcess(_parent) as parent:
        pid, grandchild = _first(parent)
        os.kill(parent._process.pid, signal.SIGKILL)
        assert _gone(pid, grandchild)


@pytest.mark.parametrize(("exit_code", "text"), [(-9, "SIGKILL"), (3, "exit code 3"), (None, "exit code None")])
def test_how_a_process_ended(exit_code, text):
    assert describe_exit(exit_code) == text


HOLD = """
import sys, time
from experiments.runs.process import exclusive_lock
with exclusive_lock(sys.argv[1], "a benchmark"):
    print(flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that runs a benchmark in a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_two_at_once_are_refused_until_one_is_killed(holder, tmp_path):
    said = rf"a benchmark is running there already, process {holder.pid}\. Wait for it, or play"
    with pytest.raises(UserError, match=said), exclusive_lock(str(tmp_path), "a benchmark", ", or play"):
        raise AssertionError("two at once")
    holder.kill()
    holder.wait()
    with exclusive_lock(str(tmp_path), "a benchmark"):
        pass


def test_one_after_the_other(tmp_path):
    for _ in range(2):
        with exclusive_lock(str(tmp_path), "a benchmark"):
            assert (tmp_path / LOCK_FILE).read_text().strip().isdigit()
