"""The TFX components of the pipeline, one folder each: `component.py` (spec) and `executor.py` (work)."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
