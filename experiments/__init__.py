"""Experiments on one pipeline's splits: single runs, benchmarks, comparisons and searches."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
