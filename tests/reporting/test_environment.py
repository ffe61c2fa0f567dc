import importlib.metadata

import yaml

from reporting.environment import describe_origin, read_versions


def test_configuration_code_and_libraries() -> None:
    config = {"name": "läden", "windows": {"cutoffs": ["2024-08-01T00:00:00Z"]}, "demo": True}
    found = describe_origin(config, {"Trainer": "abc"})
    assert found.config == config and yaml.safe_load(found.config_text) == config
    assert found.config_text.startswith("name: läden\nwindows:")
    assert found.source_digests == {"Trainer": "abc"}
    assert found.versions["numpy"] == importlib.metadata.version("numpy")
    assert {"python", "tensorflow", "tfx", "scikit-learn"} <= set(found.versions)


def test_what_is_not_installed_is_left_out() -> None:
    assert set(read_versions(("numpy", "no-such-distribution"))) == {"numpy"}
