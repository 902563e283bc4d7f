"""Data of other formats as build roots; :mod:`~atdata.importing.readers` is what formats share."""
