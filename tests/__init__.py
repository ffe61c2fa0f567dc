import os

# TensorFlow picks Keras 2 only if this is set before its first import, and tests import it before our packages.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
