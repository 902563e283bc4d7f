"""The AppView: finds the network's datasets, and serves their shards at plain URLs.

From the ground up: ``database`` keeps what ``ingest`` reads from the network; ``xrpc`` and
``pages`` answer questions about it; ``proxy`` streams shards, checked; ``service`` is the whole.
"""
