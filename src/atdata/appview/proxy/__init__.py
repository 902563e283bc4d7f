"""Shards of datasets, fetched, verified and passed on."""
