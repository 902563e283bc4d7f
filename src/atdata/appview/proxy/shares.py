"""Fair sharing of a bounded number of places: no client and no host may hold them all."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field


@dataclass(eq=False)
class Turn:
    """Work that waits for a place, or has one.

    Attributes:
        host: The host that it uses.
        clients: The clients that wait for it, and how often.
        client: The client that its place is counted for.
    """

    host: str
    clients: Counter[str]
    client: str = ""
    _begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> None:
        """Wait for a place, or for the turn to be ended."""
        await self._begun.wait()


class Shares:
    """Gives places to turns. A freed place goes to the client that has the fewest.

    Args:
        places: The number of places.
        of_client: Most places held for one client.
        of_host: Most places at one host.
    """

    def __init__(self, places: int, *, of_client: int, of_host: int) -> None:
        self._places = places
        self._of_client = of_client
        self._of_host = of_host
        self._waiting: list[Turn] = []
        self._begun: list[Turn] = []

    def waiting_for(self, client: str) -> int:
        """Return the number of waiting turns that this client waits for."""
        return sum(client in turn.clients for turn in self._waiting)

    def ask(self, host: str, client: str) -> Turn:
        """Return a new turn; it begins when there is a place."""
        turn = Turn(host, Counter([client]))
        self._waiting.append(turn)
        self._give()
        return turn

    def join(self, turn: Turn, client: str) -> None:
        """Add one more client that waits for a turn."""
        turn.clients[client] += 1
        self._give()

    def leave(self, turn: Turn, client: str) -> None:
        """Remove a client that waits no more."""
        turn.clients -= Counter([client])

    def move(self, turn: Turn, host: str) -> None:
        """Change the host of a turn; it waits again when too many are there."""
        turn.host = host
        if turn in self._begun and sum(one.host == host for one in self._begun) > self._of_host:
            turn._begun.clear()
            self._begun.remove(turn)
            self._waiting.append(turn)
            self._give()

    def stop_waiting(self, turn: Turn) -> None:
        """End a turn unless it has a place, which it keeps until its work has ended."""
        if turn in self._waiting:
            self.end(turn)

    def end(self, turn: Turn) -> None:
        """Give the place back, or stop waiting for one."""
        for turns in (self._begun, self._waiting):
            if turn in turns:
                turns.remove(turn)
        turn._begun.set()
        self._give()

    def _give(self) -> None:
        while len(self._begun) < self._places and (found := self._next()):
            turn, client = found
            turn.client = client
            self._waiting.remove(turn)
            self._begun.append(turn)
            turn._begun.set()

    def _next(self) -> tuple[Turn, str] | None:
        held = Counter(turn.client for turn in self._begun)
        busy = Counter(turn.host for turn in self._begun)
        options = [
            (held[client], number, client)
            for number, turn in enumerate(self._waiting)
            if busy[turn.host] < self._of_host
            for client in turn.clients
            if held[client] < self._of_client
        ]
        if not options:
            return None
        _, number, client = min(options)
        return self._waiting[number], client
