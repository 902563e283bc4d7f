"""Objects under keys on remote servers: one protocol, one module for each kind of server."""
