import math

import psutil
import pytest

from pipeline import memory as module
from pipeline.memory import choose_limit, count_memory_kills, measure_available, read_limit
from schemas.errors import UserError

MIB, GIB = 2**20, 2**30
FREE = 50 * GIB


@pytest.fixture(autouse=True)
def _free(monkeypatch):
    memory = type("Memory", (), {"available": FREE})()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def _write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(str(text))


def _unified(folder, limit, used, cached=0):
    stat = f"anon 1\nactive_file 7\ninactive_file {cached}\n"
    _write(folder, memory__max=limit, memory__current=used, memory__stat=stat)


def test_without_control_groups_it_is_what_is_free(tmp_path):
    assert measure_available(str(tmp_path)) == FREE


def test_the_tightest_group_around_counts_and_cached_files_make_room(tmp_path):
    _write(tmp_path / "proc/self", cgroup="0::/pod/container\n")
    groups = tmp_path / "sys/fs/cgroup"
    _unified(groups / "pod/container", "max", 9 * GIB)
    _unified(groups / "pod", 10 * GIB, 9 * GIB, cached=4 * GIB)
    assert measure_available(str(tmp_path)) == 5 * GIB
    _unified(groups / "pod", 100 * GIB, 9 * GIB)
    assert measure_available(str(tmp_path)) == FREE
    _unified(groups / "pod", GIB, 2 * GIB)
    assert measure_available(str(tmp_path)) == 0


def test_the_first_version_of_control_groups_and_a_path_of_the_host(tmp_path):
    _write(tmp_path / "proc/self", cgroup="5:cpu,cpuacct:/\n4:memory:/docker/of-the-host\n0::/\n")
    stat = f"inactive_file 1\ntotal_inactive_file {GIB}\n"
    files = {"memory__limit_in_bytes": 3 * GIB, "memory__usage_in_bytes": 2 * GIB, "memory__stat": stat}
    _write(tmp_path / "sys/fs/cgroup/memory", **files)
    assert measure_available(str(tmp_path)) == 2 * GIB


@pytest.mark.parametrize(
    ("free", "limit"), [(10 * GIB, 8 * GIB), (12 * GIB, 9 * GIB), (2 * GIB, int(1.6 * GIB)), (100 * MIB, 80 * MIB)]
)
def test_the_default_is_a_share_in_whole_gib(monkeypatch, free, limit):
    monkeypatch.setattr(module, "measure_available", lambda: free)
    assert abs(choose_limit() - limit) <= 1
    assert read_limit(None) == choose_limit()


def test_a_limit_is_given_in_gib():
    assert read_limit(1.5) == 3 * GIB // 2


@pytest.mark.parametrize("given", [0.0, -1.0, math.nan, math.inf])
def test_a_limit_that_is_none_is_refused(given):
    with pytest.raises(UserError, match="--memory-gib: must be greater than 0. Received: "):
        read_limit(given)


def test_the_kernel_counts_what_it_kills():
    killed = count_memory_kills()
    assert killed is None or killed >= 0
