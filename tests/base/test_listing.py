from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from atdata.base.listing import Listing


@dataclass
class Named:
    name: str


ITEMS = [Named("cifar"), Named("mnist"), Named("mnist-small")]


@pytest.fixture
def listing() -> Listing[Named]:
    return Listing(lambda: ITEMS)


def test_a_listing_is_gone_through_and_counted_again_and_again(listing: Listing[Named]) -> None:
    assert list(listing) == list(listing) == ITEMS
    assert (len(listing), bool(listing), bool(Listing(list))) == (3, True, False)
    assert ITEMS[1] in listing
    assert listing.names() == ["cifar", "mnist", "mnist-small"]


def test_a_list_of_a_listing_reads_the_index_once() -> None:
    readings = 0

    def read() -> Iterator[Named]:
        nonlocal readings
        readings += 1
        yield from ITEMS

    listing = Listing(read)
    for make in (list, tuple):
        readings = 0
        assert list(make(listing)) == ITEMS
        assert readings == 1
    first = iter(listing)
    assert next(first) == ITEMS[0]
    assert (len(listing), readings) == (3, 3)
    assert list(first) == ITEMS[1:]


def test_a_listing_is_filtered_by_name(listing: Listing[Named]) -> None:
    assert listing.named("mnist") == ITEMS[1:2]
    assert listing.named("mnist*").names() == ["mnist", "mnist-small"]
    assert listing.named("mnist*").named("*small") == ITEMS[2:]
    assert not listing.named("MNIST")
    by_first = Listing(lambda: [{"title": "a"}, {"title": "b"}], lambda item: item["title"])
    assert by_first.named("b") == [{"title": "b"}]


def test_items_and_slices_are_those_of_a_list(listing: Listing[Named]) -> None:
    assert (listing[0], listing[-1], listing[1:]) == (ITEMS[0], ITEMS[2], ITEMS[1:])
    assert listing == ITEMS == Listing(lambda: ITEMS)
    assert listing != ITEMS[:2]
    with pytest.raises(IndexError, match="fewer than 4"):
        listing[3]


def test_an_item_and_the_truth_are_found_without_reading_on() -> None:
    read: list[int] = []

    def items() -> Iterator[Named]:
        for number in range(100):
            read.append(number)
            yield Named(str(number))

    listing = Listing(items)
    assert bool(listing)
    assert listing[1] == Named("1")
    assert repr(listing) == "Listing('0', '1', '2', …)"
    assert len(read) == 1 + 2 + 4


def test_a_listing_shows_the_present_state() -> None:
    items: list[Named] = []
    listing = Listing(lambda: items)
    assert (repr(listing), len(listing)) == ("Listing()", 0)
    items.append(Named("<new>"))
    assert listing == [Named("<new>")]
    assert "&lt;new&gt;" in listing._repr_html_()
