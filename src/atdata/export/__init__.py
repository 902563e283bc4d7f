"""Datasets as other formats."""
