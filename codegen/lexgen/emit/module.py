"""A generated module while it is written: its names for other modules, which it imports."""

from __future__ import annotations

from dataclasses import dataclass, field

from lexgen import ir
from lexgen.names import module_parts


@dataclass(slots=True)
class Module:
    """What a template needs to know of a module; collects what it imports."""

    package: str
    nsid: str
    catalog: ir.Catalog
    imports: set[str] = field(default_factory=set)

    def alias(self, nsid: str) -> str:
        """The prefix with which another module's names are written here; empty for our own."""
        if nsid == self.nsid:
            return ""
        self.imports.add(nsid)
        return "_" + "_".join(module_parts(nsid)) + "."

    def imported(self) -> list[tuple[str, str]]:
        """Modules to import, with their aliases."""
        return [
            (".".join((self.package, *module_parts(nsid))), self.alias(nsid)[:-1])
            for nsid in sorted(self.imports)
        ]
