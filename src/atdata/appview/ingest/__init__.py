"""Streams and repositories of the network, read into the database."""
