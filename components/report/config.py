"""Configuration of Report."""

import pydantic

from schemas.config_model import ConfigModel

TABLE_ENDINGS = (".csv", ".csv.gz", ".parquet")


class ItemNamesConfig(ConfigModel):
    """A table with a name for each item, for people to read."""

    path: str | None = None
    """A CSV (.csv, .csv.gz) or Parquet file on any Beam filesystem; null shows items by their ids alone."""
    id: str = "item_id"
    """Column of the item, with ids as the log has them."""
    name: str = "name"
    """Column of its name."""

    @pydantic.field_validator("path")
    @classmethod
    def _is_a_table(cls, value: str | None) -> str | None:
        if value is not None and not value.endswith(TABLE_ENDINGS):
            raise ValueError(f"must name a file that ends with one of {', '.join(TABLE_ENDINGS)}. Received: {value!r}")
        return value


class ReportConfig(ConfigModel):
    """The report at the end of a run."""

    items: ItemNamesConfig = ItemNamesConfig()
    """Names of items."""
