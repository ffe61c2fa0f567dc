import pathlib

import pytest


@pytest.fixture(scope="session")
def echo_versions(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Versions 1 and 2 of the model `echo`, to be copied."""
    from tests.serving.echo import save_echo

    base = tmp_path_factory.mktemp("echo")
    for version in (1, 2):
        save_echo(base, version)
    return base
