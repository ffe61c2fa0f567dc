"""A small server that speaks TensorFlow Serving's protocols, for development: a convenience, not a product."""
