"""Runs: one training and its result, each in a process of its own."""
