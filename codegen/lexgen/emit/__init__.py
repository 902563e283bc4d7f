"""Emitters: each reads the intermediate form and makes texts of one kind."""
