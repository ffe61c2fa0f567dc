"""Experiments: models trained and measured one by one, each in a process of its own, on the splits of one pipeline."""
