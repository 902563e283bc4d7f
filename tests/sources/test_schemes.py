from __future__ import annotations

import pytest

from atdata.sources.schemes import redacted, scheme_of


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("data.tar", ""),
        ("/abs/data.tar", ""),
        ("a:b.tar", ""),
        ("http://h/x", "http"),
        ("HTTPS://h/x", "https"),
        ("s3://b/k", "s3"),
        ("file:///x", "file"),
        ("file:/x", "file"),
        ("pipe:cat x", "pipe"),
        ("git+ssh://h", "git+ssh"),
    ],
)
def test_schemes(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/x.tar", "https://h/x.tar"),
        ("https://h/x.tar?X-Amz-Signature=abc", "https://h/x.tar?…"),
        ("https://h/x.tar#secret", "https://h/x.tar?…"),
        ("https://user:pw@h:8/x.tar", "https://h:8/x.tar"),
        ("https://user:p@w@h/x", "https://h/x"),
        ("https://h?q=a@b/c", "https://h?…"),
        ("s3://bucket/key.tar", "s3://bucket/key.tar"),
        ("/path/with?and@.tar", "/path/with?and@.tar"),
    ],
)
def test_what_may_be_secret_is_not_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown
