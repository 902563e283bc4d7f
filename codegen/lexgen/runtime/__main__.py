"""``python -m`` this package: validate files of records, with nothing else installed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from .errors import Issue
from .registry import TYPES
from .validate import ENCODINGS, Verdict, validate_stream

_EPILOG = "exit codes: 0 all valid · 1 a file could not be read · 2 usage · 100 issues found"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    validate = commands.add_parser("validate", help="validate records", epilog=_EPILOG)
    validate.add_argument("files", nargs="+", metavar="FILE", help="file, or - for standard input")
    validate.add_argument("--encoding", choices=ENCODINGS, help="default: by name and content")
    validate.add_argument("--type", dest="type_id", metavar="ID", help="default: by $type")
    validate.add_argument("--lenient", action="store_true", help="accept what older software wrote")
    validate.add_argument("--format", choices=_REPORTS, default="text")
    options = parser.parse_args(arguments)
    if options.type_id is not None and options.type_id not in TYPES:
        parser.error(f"no definition {options.type_id!r} in this catalog")
    return _validate(options)


def _validate(options: argparse.Namespace) -> int:
    report = _REPORTS[options.format]()
    failed = False
    for file in options.files:
        try:
            for verdict in _verdicts(file, options):
                report.add(verdict)
        except OSError as error:
            failed = True
            print(f"{file}: {error.strerror or error}", file=sys.stderr)  # noqa: T201
    report.close()
    if failed:
        return 1
    return 100 if report.invalid else 0


def _verdicts(file: str, options: argparse.Namespace) -> Iterator[Verdict]:
    settings = {
        "encoding": options.encoding,
        "type_id": options.type_id,
        "lenient": options.lenient,
    }
    if file == "-":
        yield from validate_stream(sys.stdin.buffer, "<stdin>", **settings)
        return
    with open(file, "rb") as stream:
        yield from validate_stream(stream, file, **settings)


class _Report:
    """A line an issue as they are found, and a summary for people."""

    def __init__(self) -> None:
        self.records = 0
        self.invalid = 0

    def add(self, verdict: Verdict) -> None:
        """Count a record, and report what is wrong with it."""
        self.records += 1
        self.invalid += bool(verdict.issues)
        for issue in verdict.issues:
            self.report(verdict, issue)

    def report(self, verdict: Verdict, issue: Issue) -> None:
        """Tell of one issue."""
        print(f"{verdict.file}:{verdict.line}: {issue}")  # noqa: T201

    def close(self) -> None:
        """All files are done."""
        print(f"{self.records} records, {self.invalid} invalid", file=sys.stderr)  # noqa: T201


class _GithubReport(_Report):
    """Workflow commands, which GitHub shows at the file."""

    def report(self, verdict: Verdict, issue: Issue) -> None:
        file = _escaped(verdict.file, ":,")
        text = _escaped(f"{issue.path}: {issue.message}")
        print(f"::error file={file},line={verdict.line},title={issue.code}::{text}")  # noqa: T201


class _JsonReport(_Report):
    """One JSON object at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._issues: list[dict[str, Any]] = []

    def report(self, verdict: Verdict, issue: Issue) -> None:
        place = {"file": verdict.file, "line": verdict.line}
        self._issues.append({**place, **issue.to_dict()})

    def close(self) -> None:
        report = {"records": self.records, "invalid": self.invalid, "issues": self._issues}
        print(json.dumps(report, indent=2, ensure_ascii=False))  # noqa: T201


_REPORTS: Final = {"text": _Report, "github": _GithubReport, "json": _JsonReport}


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


if __name__ == "__main__":
    sys.exit(main())
