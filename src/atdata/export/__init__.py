"""Export of datasets to other formats, and functions over their shards."""
