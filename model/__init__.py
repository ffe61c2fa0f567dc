"""DSPnet in TensorFlow and Keras: encoders, losses, metrics, training and export.

TensorFlow Recommenders needs Keras 2, which TensorFlow picks only if the variable below is set before its
first import.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
