"""The base of every part of the configuration."""

import pydantic


class Section(pydantic.BaseModel):
    """A frozen part of the configuration that refuses unknown keys."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
