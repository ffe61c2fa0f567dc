"""How tests are dealt out to workers: what shares fixtures stays together."""

import pytest

TOGETHER = ("tests/e2e/",)
"""Folders whose files share a run of the pipeline."""


@pytest.hookimpl(tryfirst=True)  # before the plugin that deals them out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        file, _, _ = item.nodeid.partition("::")
        group = next((folder for folder in TOGETHER if file.startswith(folder)), file)
        item.add_marker(pytest.mark.xdist_group(group))
