"""Artifact types that TFX does not have, for what our components hand to each other.

Kubeflow imports a class by its type name, so `components` itself must hold each class under its own name.
"""

from tfx import types
from tfx.types import artifact

Artifacts = dict[str, list[types.Artifact]]
"""Inputs or outputs of a component's executor: artifacts by name."""


class IdMap(artifact.Artifact):
    """Raw id of every fingerprint of the log: `items-*.parquet`, `scenes-*.parquet` (`schemas.catalogue`)."""

    TYPE_NAME = "components.IdMap"


class RejectedRows(artifact.Artifact):
    """Rows of the log that could not be read: `rejects-*.csv`, with file, row, reason and detail."""

    TYPE_NAME = "components.RejectedRows"


class Catalogue(artifact.Artifact):
    """Item and scene vocabularies of the train split: `items.parquet`, `scenes.parquet`."""

    TYPE_NAME = "components.Catalogue"


class Report(artifact.Artifact):
    """The report of a run: the page `report.html`, and `report.json` with every number on it."""

    TYPE_NAME = "components.Report"
