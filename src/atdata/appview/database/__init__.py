"""Tables, queries and the two database systems."""
