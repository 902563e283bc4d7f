"""What is checked of a dataset, and how."""
