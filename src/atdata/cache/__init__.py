"""Shards from the network, kept on this machine, verified and shared between processes."""
