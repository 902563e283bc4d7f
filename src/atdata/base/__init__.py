"""What every room may use: disk, locks, scratch folders, workers. Imports errors, nothing else."""
