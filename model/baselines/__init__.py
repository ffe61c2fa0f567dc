"""Ways to rank that learn little or nothing: what a model must beat."""
