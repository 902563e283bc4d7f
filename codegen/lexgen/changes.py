"""What changed between two catalogs, and whom each change breaks.

Both directions count in a network whose participants update at different times. **Backward**:
data that was valid is refused now. **Forward**: data that is valid now was refused before, by
everyone who has not updated yet. ``RULES`` maps each kind of change to its direction; None breaks
no one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lexgen.document import Document, Finding, Pointer

RULES: Final[Mapping[str, tuple[str | None, str]]] = {
    "lexicon-added": (None, "a lexicon was added"),
    "lexicon-removed": ("both", "a lexicon was removed"),
    "definition-added": (None, "a definition was added"),
    "definition-removed": ("both", "a definition was removed: others may refer to it"),
    "definition-kind": ("both", "a definition is of another kind: that takes a new name"),
    "record-key": ("both", "a record has another kind of key"),
    "required-field-added": ("backward", "a required field was added"),
    "optional-field-added": (None, "an optional field was added"),
    "required-field-removed": ("forward", "a required field was removed"),
    "optional-field-removed": (
        "policy",
        "an optional field was removed: better mark it deprecated",
    ),
    "field-now-required": ("backward", "an optional field became required"),
    "field-now-optional": ("forward", "a required field became optional"),
    "null-allowed": ("forward", "null became allowed"),
    "null-refused": ("backward", "null became refused"),
    "type": ("both", "a value has another type"),
    "format-added": ("backward", "a string got a format"),
    "format-dropped": ("forward", "a string lost its format"),
    "format-changed": ("both", "a string has another format"),
    "limit-tightened": ("backward", "a limit was added or tightened"),
    "limit-loosened": ("forward", "a limit was dropped or loosened"),
    "values-narrowed": ("backward", "fewer values are allowed"),
    "values-widened": ("forward", "more values are allowed"),
    "values-changed": ("both", "other values are allowed"),
    "union-closed": ("both", "an open union was closed"),
    "union-opened": ("both", "a closed union was opened"),
    "open-union-member-added": (None, "a member was added to an open union"),
    "open-union-member-removed": ("forbidden", "a member was removed from an open union"),
    "closed-union-member-added": ("forward", "a member was added to a closed union"),
    "closed-union-member-removed": ("backward", "a member was removed from a closed union"),
    "accept-narrowed": ("backward", "fewer media types are accepted"),
    "accept-widened": ("forward", "more media types are accepted"),
    "body-added": ("backward", "an endpoint got a body"),
    "body-removed": ("forward", "an endpoint lost a body"),
    "encoding": ("both", "a body has another media type"),
    "error-added": (None, "an error was added"),
    "error-removed": ("forward", "an error was removed or renamed"),
    "permissions": (None, "a permission set holds other permissions"),
    "known-values": (None, "other values are known"),
    "default": (None, "a default is another one"),
    "description": (None, "a description changed"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: its rule, the lexicon and place in it, and what it is exactly."""

    rule: str
    nsid: str
    pointer: Pointer
    detail: str

    @property
    def direction(self) -> str | None:
        """Whom it breaks: backward, forward, both, forbidden, policy, or None for no one."""
        return RULES[self.rule][0]

    @property
    def message(self) -> str:
        """What changed, in words."""
        return f"{RULES[self.rule][1]}: {self.detail}"

    def finding(self, new: Mapping[str, Document], old: Mapping[str, Document]) -> Finding:
        """The change as a finding, placed where the new lexicon shows it best."""
        document = new.get(self.nsid) or old[self.nsid]
        severity = "warning" if self.direction == "policy" else "error"
        return document.finding(
            self.rule,
            self.pointer,
            self.message,
            severity="note" if self.direction is None else severity,
            direction=self.direction,
        )
