"""Proposal of a configuration for a log that nobody has described: `dspnet init`."""
