"""A fair queue for a bounded number of slots: no client and no host may hold them all."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field


@dataclass(eq=False)
class Turn:
    """Work that waits for a slot, or has one.

    Attributes:
        host: The host that it uses.
        clients: The clients that wait for it, and how often.
        client: The client that its slot counts for.
    """

    host: str
    clients: Counter[str]
    client: str = ""
    _begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> None:
        """Wait for a slot, or for the end of the turn."""
        await self._begun.wait()


class FairQueue:
    """Gives slots to turns. A free slot goes to the client that has the fewest.

    Args:
        slots: The number of slots.
        of_client: Maximum number of slots of one client.
        of_host: Maximum number of slots at one host.
    """

    def __init__(self, slots: int, *, of_client: int, of_host: int) -> None:
        self._slots = slots
        self._of_client = of_client
        self._of_host = of_host
        self._waiting: list[Turn] = []
        self._begun: list[Turn] = []

    def waiting_for(self, client: str) -> int:
        """Return the number of waiting turns that this client waits for."""
        return sum(client in turn.clients for turn in self._waiting)

    def enter(self, host: str, client: str) -> Turn:
        """Return a new turn; it begins when a slot is free."""
        turn = Turn(host, Counter([client]))
        self._waiting.append(turn)
        self._give()
        return turn

    def join(self, turn: Turn, client: str) -> None:
        """Add one more client that waits for a turn."""
        turn.clients[client] += 1
        self._give()

    def leave(self, turn: Turn, client: str) -> None:
        """Remove a client that has left."""
        turn.clients -= Counter([client])

    def move(self, turn: Turn, host: str) -> None:
        """Change the host of a turn; it waits again if the host has too many."""
        turn.host = host
        if turn in self._begun and sum(one.host == host for one in self._begun) > self._of_host:
            turn._begun.clear()
            self._begun.remove(turn)
            self._waiting.append(turn)
            self._give()

    def stop_waiting(self, turn: Turn) -> None:
        """End a turn unless it has a slot, which it keeps until its work has ended."""
        if turn in self._waiting:
            self.end(turn)

    def end(self, turn: Turn) -> None:
        """Release the slot, or stop waiting for one."""
        for turns in (self._begun, self._waiting):
            if turn in turns:
                turns.remove(turn)
        turn._begun.set()
        self._give()

    def _give(self) -> None:
        while len(self._begun) < self._slots and (found := self._next()):
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
