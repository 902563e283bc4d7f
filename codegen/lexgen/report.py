"""Findings as text, JSON, GitHub annotations and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Final
from xml.etree import ElementTree

from lexgen.document import Finding

_GITHUB_LEVELS: Final = {"error": "error", "warning": "warning", "note": "notice"}


def as_text(findings: Sequence[Finding], title: str) -> str:
    """One line for each finding, as compilers do it."""
    return "".join(f"{finding}\n" for finding in findings)


def as_json(findings: Sequence[Finding], title: str) -> str:
    """One object with a list of findings."""
    report = {"tool": title, "findings": [asdict(finding) for finding in findings]}
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def as_github(findings: Sequence[Finding], title: str) -> str:
    """Workflow commands, which GitHub shows at the line."""
    lines = []
    for finding in findings:
        place = f"file={_escaped(finding.file, ':,')},line={finding.line},col={finding.column}"
        direction = f" ({finding.direction})" if finding.direction else ""
        text = _escaped(f"{finding.message}{direction} [{finding.rule}]")
        lines.append(f"::{_GITHUB_LEVELS[finding.severity]} {place},title={title}::{text}\n")
    return "".join(lines)


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def as_junit(findings: Sequence[Finding], title: str) -> str:
    """JUnit XML: a test case for each finding, or one that passed."""
    failures = [finding for finding in findings if finding.severity == "error"]
    cases = len(findings) or 1
    suite = ElementTree.Element(
        "testsuite", name=title, tests=str(cases), failures=str(len(failures))
    )
    for finding in findings:
        name = f"{finding.rule} at {finding.file}:{finding.line}:{finding.column}"
        case = ElementTree.SubElement(suite, "testcase", name=_legal(name), classname=title)
        kind = "failure" if finding.severity == "error" else "system-out"
        ElementTree.SubElement(case, kind).text = _legal(str(finding))
    if not findings:
        ElementTree.SubElement(suite, "testcase", name="no findings", classname=title)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=False) + "\n"


def _legal(text: str) -> str:
    """Text without the control characters that XML can't hold."""
    return "".join(
        character if character >= " " else "\N{REPLACEMENT CHARACTER}" for character in text
    )


FORMATS: Final[Mapping[str, Callable[[Sequence[Finding], str], str]]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "junit": as_junit,
}
