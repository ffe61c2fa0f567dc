"""Turns public data sets into event logs (Parquet) with the columns of `schemas.events`."""
