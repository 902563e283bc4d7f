"""The generator: lexicons in; typed records, validators, schemas and reference pages out."""
