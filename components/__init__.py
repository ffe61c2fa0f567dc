"""The TFX components of the pipeline, one folder each: `component.py` (spec) and `executor.py` (work)."""

import importlib
import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def __getattr__(name: str) -> type:
    """Kubeflow finds an artifact type by its name, `components.IdMap`, and importing TFX for nothing is slow."""
    if name not in ("IdMap", "RejectedRows", "Catalogue", "Report"):
        raise AttributeError(name)
    return getattr(importlib.import_module("components.artifacts"), name)
