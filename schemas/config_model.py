"""The base of every part of the configuration."""

import pydantic


class ConfigModel(pydantic.BaseModel):
    """A frozen part of the configuration that refuses unknown keys and numbers that are none."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
