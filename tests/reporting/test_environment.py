import importlib.metadata

import yaml

from reporting.environment import describe_machine, describe_origin, read_versions


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


def test_this_machine() -> None:
    machine = describe_machine()
    assert int(machine["cores"]) >= 1 and machine["memory"].endswith(" GiB") and machine["processor"]


def test_processor_and_accelerators_are_named(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast CPU @ 2 GHz\nprocessor\t: 1\n")
    for number in (0, 1):
        gpu = tmp_path / f"proc/driver/nvidia/gpus/{number}"
        gpu.mkdir(parents=True)
        (gpu / "information").write_text("Model: \t\t Fast GPU\nIRQ: 9\n" if number else "IRQ: 9\n")
    machine = describe_machine(str(tmp_path))
    assert (machine["processor"], machine["accelerators"]) == ("Fast CPU @ 2 GHz", "unknown, Fast GPU")


def test_what_is_unknown_is_not_told(tmp_path):
    assert "accelerators" not in describe_machine(str(tmp_path))
