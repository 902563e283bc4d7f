"""Export of datasets to other formats."""
