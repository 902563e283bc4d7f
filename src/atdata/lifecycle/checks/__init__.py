"""The checks of a dataset."""
