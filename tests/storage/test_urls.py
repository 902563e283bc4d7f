from __future__ import annotations

import pytest

from atdata.storage.urls import redacted, scheme_of, unsigned


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


@pytest.mark.parametrize(
    ("url", "rest"),
    [
        ("https://h/a?file=b", "https://h/a?file=b"),
        ("https://h/a?file=b&sig=", "https://h/a?file=b"),
        ("https://h/a?file=b&sig=x&part=2", "https://h/a?file=b&part=2"),
        ("https://h/a?Expires=5&file=b", "https://h/a?Expires=5&file=b"),
        ("https://h/a?file=b&X-Amz-Date=1&X-Amz-Signature=x", "https://h/a?file=b"),
        (
            "https://h/a?AWSAccessKeyId=k&Expires=5&Signature=x&id=3",
            "https://h/a?id=3",
        ),
        ("https://h/a?X-Goog-Algorithm=a&X-Goog-Signature=x#part", "https://h/a"),
        ("https://h/a?sv=1&sp=r&sig=x&snapshot=7", "https://h/a?snapshot=7"),
        ("https://h/a?sp=r&sig=x", "https://h/a?sp=r"),
        ("https://h/a?Policy=p&Signature=x&Key-Pair-Id=k&file=b", "https://h/a?file=b"),
        ("https://h/a?%73ig=x&file=b", "https://h/a?file=b"),
        ("s3://b/a?file=b&sig=x", "s3://b/a?file=b&sig=x"),
    ],
)
def test_only_what_signs_is_taken_off(url: str, rest: str) -> None:
    assert unsigned(url) == rest
