"""What every room may use: the disk, locks and scratch folders. Imports errors, nothing else."""
