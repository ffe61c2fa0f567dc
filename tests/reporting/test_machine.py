from reporting.environment import describe_machine


def test_this_machine():
    document = describe_machine()
    assert int(document["cores"]) >= 1 and document["memory"].endswith(" GiB") and document["processor"]


def test_processor_and_accelerators_are_named(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast CPU @ 2 GHz\nprocessor\t: 1\n")
    for number in (0, 1):
        gpu = tmp_path / f"proc/driver/nvidia/gpus/{number}"
        gpu.mkdir(parents=True)
        (gpu / "information").write_text("Model: \t\t Fast GPU\nIRQ: 9\n" if number else "IRQ: 9\n")
    document = describe_machine(str(tmp_path))
    assert (document["processor"], document["accelerators"]) == ("Fast CPU @ 2 GHz", "unknown, Fast GPU")


def test_what_is_unknown_is_not_told(tmp_path):
    assert "accelerators" not in describe_machine(str(tmp_path))
