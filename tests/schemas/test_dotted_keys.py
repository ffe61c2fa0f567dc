import pytest

from schemas import dotted_keys


def test_a_value_is_no_section():
    with pytest.raises(ValueError, match="a.b.c: b holds a value, not a section. Received: 1"):
        dotted_keys.set_value({"a": {"b": 1}}, "a.b.c", 2)


def test_flatten_undoes_set_value():
    content: dict = {}
    values = {"a.b": 1, "a.c.d": [1, 2], "e": {}}
    for key, value in values.items():
        dotted_keys.set_value(content, key, value)
    assert dotted_keys.flatten(content) == values
