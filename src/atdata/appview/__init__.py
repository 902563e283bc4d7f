"""The AppView: finds the network's datasets, and serves their shards at plain URLs.

From the bottom up: ``database`` stores what ``ingest`` reads from the network; ``web`` answers
queries about it; ``proxy`` streams verified shards; ``service`` puts them together.
"""
