"""The AppView's tables."""

from __future__ import annotations

_TABLES = """
CREATE TABLE IF NOT EXISTS sources (
    url TEXT PRIMARY KEY,
    position BIGINT NOT NULL,
    listed INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS repos (
    did TEXT PRIMARY KEY,
    handle TEXT,
    pds TEXT,
    status TEXT NOT NULL DEFAULT 'active',
    rev TEXT NOT NULL DEFAULT '',
    needs_history INTEGER NOT NULL DEFAULT 1,
    needs_identity INTEGER NOT NULL DEFAULT 1,
    tries INTEGER NOT NULL DEFAULT 0,
    due DOUBLE PRECISION NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS repos_to_do ON repos (due) WHERE needs_history + needs_identity > 0;
CREATE INDEX IF NOT EXISTS repos_by_handle ON repos (handle);

CREATE TABLE IF NOT EXISTS datasets (
    {key},
    license TEXT,
    schema_ref TEXT NOT NULL,
    schema_cid TEXT,
    {content}
);
CREATE INDEX IF NOT EXISTS datasets_by_author ON datasets (did, id);
CREATE INDEX IF NOT EXISTS datasets_by_schema ON datasets (schema_ref, id);
CREATE INDEX IF NOT EXISTS datasets_by_schema_cid ON datasets (schema_cid, id);
CREATE INDEX IF NOT EXISTS datasets_by_license ON datasets (license, id);

CREATE TABLE IF NOT EXISTS tags (
    tag TEXT NOT NULL,
    dataset BIGINT NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, dataset)
);
CREATE INDEX IF NOT EXISTS tags_by_dataset ON tags (dataset);

CREATE TABLE IF NOT EXISTS schemas (
    {key},
    version TEXT NOT NULL,
    schema_cid TEXT NOT NULL,
    {content}
);
CREATE INDEX IF NOT EXISTS schemas_by_name ON schemas (did, name);
CREATE INDEX IF NOT EXISTS schemas_by_cid ON schemas (schema_cid);

CREATE TABLE IF NOT EXISTS refused (
    did TEXT NOT NULL,
    collection TEXT NOT NULL,
    rkey TEXT NOT NULL,
    rev TEXT NOT NULL,
    cid TEXT NOT NULL,
    value TEXT NOT NULL,
    issues TEXT NOT NULL,
    indexed_at TEXT NOT NULL,
    PRIMARY KEY (did, collection, rkey)
);

CREATE TABLE IF NOT EXISTS unreadable (
    id {number},
    source TEXT NOT NULL,
    position BIGINT,
    reason TEXT NOT NULL,
    size BIGINT NOT NULL,
    message TEXT NOT NULL,
    heard_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS takedowns (subject TEXT PRIMARY KEY, reason TEXT NOT NULL);
"""

# What the tables of listed records, datasets and schemas, have in common.
_KEY = """id {number},
    did TEXT NOT NULL,
    rkey TEXT NOT NULL,
    rev TEXT NOT NULL,
    cid TEXT NOT NULL,
    name TEXT NOT NULL"""
_CONTENT = """value TEXT NOT NULL,
    summary TEXT,
    indexed_at TEXT NOT NULL,
    visible INTEGER NOT NULL,
    UNIQUE (did, rkey)"""

ADDED = (("datasets", "summary"), ("schemas", "summary"))
"""Columns that earlier releases did not have, by table."""


def table_statements(number: str) -> list[str]:
    """Return the statements that make the tables.

    Args:
        number: SQL of a column that numbers rows.
    """
    script = _TABLES.format(number=number, key=_KEY.format(number=number), content=_CONTENT)
    return statements(script)


def statements(script: str) -> list[str]:
    """Return the statements of a script that contains no ``;`` elsewhere."""
    return [part for part in script.split(";") if part.strip()]
