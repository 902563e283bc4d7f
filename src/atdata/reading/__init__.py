"""Reading: the order of samples, and their decoding."""
