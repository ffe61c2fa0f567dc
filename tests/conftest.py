"""How tests are dealt out to workers: what shares fixtures stays together."""

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/e2e/",)
"""Folders whose files share a run of the pipeline."""


class FileScheduling(LoadScopeScheduling):
    """Scheduler that gives all tests of a file, or of a folder in `TOGETHER`, to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling:
    # In the order of the files: by number of tests, the few long ones would run last, on one worker.
    config.option.loadscopereorder = False
    return FileScheduling(config, log)
