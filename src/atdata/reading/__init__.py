"""Which sample comes next, and how it is made."""
