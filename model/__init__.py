"""DSPnet and the methods that it is compared with, in TensorFlow and Keras: networks, losses, training and export.

TensorFlow Recommenders needs Keras 2, which TensorFlow picks only if the variable below is set before its
first import.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
