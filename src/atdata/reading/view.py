"""Views of a dataset: iterables of its samples, or of what was made of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from atdata.base.shutdown import closed_at_exit
from atdata.errors import AtdataError, RandomAccessError
from atdata.reading.order import checked_epoch
from atdata.reading.passes import Pass
from atdata.samples.batch import SampleBatch

Item = TypeVar("Item")
Other = TypeVar("Other")
Length = Callable[[], int]

_OF_DATASETS = {"ordered", "shuffled", "as_type", "project", "select", "split", "to_torch"}


class View(Generic[Item]):
    """Samples or batches of a dataset, in one order: an iterable that can be iterated again.

    It keeps the position of the last iteration: :meth:`state_dict` returns it, and after
    :meth:`load_state_dict`, also in another process, the next iteration begins with the item
    after it. Skipping delivered items costs about as much as reading them.

    Args:
        start: Starts an iteration.
        pass_: The pass that it makes.
        shown: The calls that made the view, for its repr.
        length: Returns the number of items; None if only reading them shows it.
        batch_type: Class of the batches of the items.
    """

    def __init__(
        self,
        start: Callable[[], Iterator[Item]],
        pass_: Pass,
        shown: str,
        length: Length | None = None,
        batch_type: type[SampleBatch[Any]] = SampleBatch,
    ) -> None:
        self._start = start
        self._pass = pass_
        self._shown = shown
        self._length = length
        self._batch_type = batch_type
        self._delivered = 0
        self._resume = 0

    def __iter__(self) -> Iterator[Item]:
        return closed_at_exit(self._items())

    def _items(self) -> Generator[Item, None, None]:
        first, self._resume = self._resume, 0
        self._delivered = first
        for number, item in enumerate(islice(self._start(), first, None), first + 1):
            self._delivered = number
            yield item

    def __len__(self) -> int:
        """Return the number of items in a whole pass, if it is known without reading them.

        Samples that ``on_error`` skips are counted.

        Raises:
            RandomAccessError: It is not known.
        """
        if self._length is None:
            raise RandomAccessError(
                f"the length of {self!r} is not known before it is read",
                hint="Count the items of a pass: sum(1 for _ in view).",
            )
        try:
            return self._length()
        except RandomAccessError:
            raise
        except AtdataError as error:
            # list() asks for the length, and goes on without one after a TypeError only.
            raise RandomAccessError(
                f"the length of {self!r} is not known: {error.message}", hint=error.hint
            ) from error

    def __bool__(self) -> bool:
        return True

    if not TYPE_CHECKING:  # type checkers report these themselves

        def __getitem__(self, index: object) -> NoReturn:
            """Raise an error: a view is read from its start.

            Raises:
                RandomAccessError: Always.
            """
            raise RandomAccessError(
                "a view is read from its start, so it has no items by number",
                hint="Use dataset[3] or dataset[0:3], or view.skip(3) and view.take(3).",
            )

        def __getattr__(self, name: str) -> NoReturn:
            hint = ""
            if name in _OF_DATASETS:
                hint = f": write dataset.shuffled(…).filter(…), not dataset.filter(…).{name}(…)"
            raise AttributeError(f"a view has no {name!r}{hint}")

    @property
    def skipped(self) -> int:
        """Number of shards and samples that ``on_error`` has skipped in this iteration."""
        return self._pass.skipped

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration: another one for each epoch, from 0.

        Raises:
            ValueError: Less than 0, or more than 32 bits.
        """
        self._pass.epoch = checked_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        """Return the position of the last iteration: integers seed, epoch and items delivered."""
        seed, epoch = self._pass.seed, self._pass.epoch
        return {"seed": seed, "epoch": epoch, "delivered": self._delivered}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Resume the next iteration after the last item delivered in that state.

        The dataset has to be the same, and the view has to be made in the same way.
        """
        self._pass.resume(state["seed"], state["epoch"])
        self._resume = self._delivered = state["delivered"]

    def take(self, count: int) -> View[Item]:
        """Return a view of the first ``count`` items.

        Raises:
            ValueError: Less than 0, or not a whole number.
        """
        _check_whole("count", count, 0)
        return self._derived(
            lambda: islice(self, count), f"take({count})", lambda: min(count, len(self))
        )

    def skip(self, count: int) -> View[Item]:
        """Return a view of all but the first ``count`` items.

        Raises:
            ValueError: As :meth:`take`.
        """
        _check_whole("count", count, 0)
        return self._derived(
            lambda: islice(self, count, None), f"skip({count})", lambda: max(0, len(self) - count)
        )

    def map(self, function: Callable[[Item], Other]) -> View[Other]:
        """Return a view of the function's result for each item."""
        return self._derived(lambda: map(function, self), f"map({_name(function)})", self.__len__)

    def filter(self, wanted: Callable[[Item], object]) -> View[Item]:
        """Return a view of the items for which ``wanted`` is true."""
        return self._derived(lambda: filter(wanted, self), f"filter({_name(wanted)})")

    def batch(self, size: int, *, drop_last: bool = False) -> View[SampleBatch[Item]]:
        """Return a view of batches of the items.

        Args:
            size: Items in a batch; the last batch may be smaller.
            drop_last: Leave out a last batch that is smaller.

        Raises:
            ValueError: The size is less than 1; or, from iterating, the items are batches.
        """
        return self._batched(
            lambda: batches(iter(self), size, drop_last, self._batch_type), size, drop_last
        )

    def _batched(
        self, start: Callable[[], Iterator[SampleBatch[Item]]], size: int, drop_last: bool
    ) -> View[SampleBatch[Item]]:
        _check_whole("batch_size", size, 1)

        def length() -> int:
            return (len(self) if drop_last else len(self) + size - 1) // size

        drop = ", drop_last=True" if drop_last else ""
        return self._derived(start, f"batch({size}{drop})", length)

    def _derived(
        self, start: Callable[[], Iterator[Other]], call: str, length: Length | None = None
    ) -> View[Other]:
        return View(start, self._pass, f"{self._shown}.{call}", length)

    def __repr__(self) -> str:
        return f"<View {self._shown}>"


def batches(
    items: Iterator[Any], size: int, drop_last: bool, batch_type: type[SampleBatch[Any]]
) -> Iterator[SampleBatch[Any]]:
    """Yield batches of items.

    Raises:
        ValueError: The items are batches.
    """
    while batch := list(islice(items, size)):
        if isinstance(batch[0], SampleBatch):
            raise ValueError("the view consists of batches already: choose one batch size")
        if len(batch) == size or not drop_last:
            yield batch_type(batch)


def _check_whole(name: str, value: Any, least: int) -> None:
    if not hasattr(value, "__index__") or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}, not {value!r}")


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__name__", repr(function))
