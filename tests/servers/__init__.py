"""Real servers on loopback, for the tests and the demo. Each stops with its context manager."""
