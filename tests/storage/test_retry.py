from __future__ import annotations

import time

import pytest

from atdata.errors import NetworkError, UrlError
from atdata.storage.retry import ATTEMPTS, LONGEST_WAIT, attempts


def passing(retry_after: float | None = None) -> NetworkError:
    error = NetworkError.passing("for now")
    error.retry_after = retry_after
    return error


def tried(*errors: Exception | None) -> int:
    """How often something was tried that fails so, one after the other."""
    left = list(errors)
    count = 0
    for attempt in attempts():
        with attempt:
            count += 1
            if error := left.pop(0) if left else None:
                raise error
    return count


@pytest.mark.usefixtures("no_waits")
def test_what_passes_is_tried_again() -> None:
    assert tried() == 1
    assert tried(passing(), passing(3.0), passing()) == 4


@pytest.mark.usefixtures("no_waits")
def test_there_is_an_end() -> None:
    with pytest.raises(NetworkError, match="for now"):
        tried(*[passing()] * ATTEMPTS)
    assert tried(*[passing()] * (ATTEMPTS - 1)) == ATTEMPTS


@pytest.mark.parametrize(
    "error", [NetworkError("for good"), UrlError("x"), KeyError("x"), passing(LONGEST_WAIT + 1)]
)
def test_what_will_not_pass_is_raised_at_once(error: Exception) -> None:
    with pytest.raises(type(error)):
        tried(error, error)


def test_a_server_is_left_alone_for_as_long_as_it_says() -> None:
    start = time.monotonic()
    assert tried(passing(0.7)) == 2
    assert time.monotonic() - start >= 0.7


def test_otherwise_waiting_is_short_at_first() -> None:
    start = time.monotonic()
    assert tried(passing()) == 2
    assert time.monotonic() - start >= 0.1
