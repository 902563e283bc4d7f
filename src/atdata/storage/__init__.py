"""Objects under keys, wherever they are: one protocol, one module a place."""
