"""A seeded, bounded fuzz campaign: hostile bytes at every boundary, one entry each."""
