"""``python -m`` this package: validate files of records, with nothing else installed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

from .registry import TYPES
from .validate import ENCODINGS, Verdict, as_github, as_text, validate_stream

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
    validate.add_argument("--format", choices=("text", "json", "github"), default="text")
    options = parser.parse_args(arguments)
    if options.type_id is not None and options.type_id not in TYPES:
        parser.error(f"no definition {options.type_id!r} in this catalog")
    return _validate(options)


def _validate(options: argparse.Namespace) -> int:
    records = failed = 0
    found: list[Verdict] = []
    for file in options.files:
        try:
            for verdict in _verdicts(file, options):
                records += 1
                if verdict.issues:
                    found.append(verdict)
        except OSError as error:
            failed += 1
            print(f"{file}: {error.strerror or error}", file=sys.stderr)  # noqa: T201
    _report(options.format, records, found)
    if failed:
        return 1
    return 100 if found else 0


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


def _report(style: str, records: int, found: list[Verdict]) -> None:
    if style == "json":
        issues = [
            {"file": file, "line": line, **issue.to_dict()}
            for file, line, some in found
            for issue in some
        ]
        report = {"records": records, "invalid": len(found), "issues": issues}
        print(json.dumps(report, indent=2, ensure_ascii=False))  # noqa: T201
        return
    for line in (as_github if style == "github" else as_text)(found):
        print(line)  # noqa: T201
    summary = f"{records} records, {len(found)} invalid"
    print(summary, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
