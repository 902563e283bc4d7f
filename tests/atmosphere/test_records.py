"""Records are brought to a wanted state against other writers."""

from __future__ import annotations

import pytest

from atdata.atmosphere import AtmosphereClient, SchemaPublisher
from atdata.errors import XrpcError
from readings import Reading

pytestmark = pytest.mark.xdist_group("pds")


@pytest.fixture
def publisher(client: AtmosphereClient) -> SchemaPublisher:
    return SchemaPublisher(client)


def test_a_race_between_two_publishers(
    client: AtmosphereClient, publisher: SchemaPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else publishes between the look and the write: the look is repeated."""
    real, looks = client.find_record, []

    def find(uri: object) -> object:
        found = real(uri)
        looks.append(uri)
        if len(looks) == 1:
            SchemaPublisher(other).publish(Reading, version="1.0.0")
        return found

    other = AtmosphereClient()
    other.login_with_session(client.export_session())
    monkeypatch.setattr(client, "find_record", find)
    publisher.publish(Reading, version="1.0.0")
    assert len(looks) == 2


def test_a_race_that_does_not_end(
    client: AtmosphereClient, publisher: SchemaPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(Reading, version="1.0.0")
    monkeypatch.setattr(client, "find_record", lambda uri: None)
    with pytest.raises(XrpcError, match="InvalidSwap"):
        publisher.publish(Reading, version="1.0.0")
