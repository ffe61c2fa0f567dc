"""The pipeline: its configuration, its definition and thin runners."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
