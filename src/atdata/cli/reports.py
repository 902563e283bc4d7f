"""Printing of lifecycle reports: subject, findings, and the next step."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from typing import Any

from atdata.base.display import counted
from atdata.base.text import one_line
from atdata.cli.exits import report_exit
from atdata.cli.output import echo, print_fields, print_json
from atdata.lifecycle.anchor import ALL
from atdata.lifecycle.report import Report

_SHOWN = 20
_DONE = {
    "published": "published: from the build root to the serving store",
    "already_published": "already published: the serving store contains this release",
    "repaired": "repaired: damaged files of the release were replaced",
    "would_publish": "dry run: this would be published to the serving store",
    "packed": "packed",
    "would_pack": "dry run: nothing was written",
    "promoted": "promoted: this release is now the current one",
    "would_promote": "dry run: this release would be promoted",
    "rolled_back": "rolled back",
    "would_roll_back": "dry run: this would be rolled back",
    "aliased": "done",
    "would_alias": "dry run: this alias would be written",
    "planned": "planned; nothing is removed yet",
    "collected": "removed",
}


def finish(report: Report, *, as_json: bool) -> int:
    """Print a report; return its exit code."""
    code = report_exit(report)
    if as_json:
        print_json({**report.to_dict(), "exit": code})
        return code
    echo(f"{report.command}: {_verdict(report)}")
    print_fields((f"  {name}", value) for name, value in _facts(report))
    for finding in report.findings[:_SHOWN]:
        echo(f"  {one_line(str(finding))}")
    hidden = len(report.findings) - _SHOWN
    if hidden > 0 or report.findings_truncated:
        more = f"{max(hidden, 0)} more" + (", and others" if report.findings_truncated else "")
        echo(f"  … {more}; --json prints them")
    if next_step := _next(report):
        echo(f"next: {next_step}")
    return code


def _verdict(report: Report) -> str:
    if not report.ok:
        return f"FAILED ({report.kind}, exit {report_exit(report)})"
    return _DONE.get(report.outcome or "", "passed")


def _facts(report: Report) -> Iterator[tuple[str, Any]]:
    subject, counts = report.subject, report.counts
    yield subject["kind"], subject["path"]
    if report.result.get("store"):
        yield "serving store", report.result["store"]
    if subject.get("version"):
        yield "dataset", f"{subject['name']} {subject['version']}"
        yield "content CID", subject["content_cid"]
    if counts.get("shards"):
        samples, shards = counted(counts["samples"], "sample"), counted(counts["shards"], "shard")
        yield "checked", f"{shards}, {samples}, {counts['bytes']:,} B"
    status = Counter(report.checks.values())
    if status["pass"] + status["fail"] > 1:
        skipped = f", {status['skipped']} skipped" if status["skipped"] else ""
        failed = f", {status['fail']} failed" if status["fail"] else ""
        yield "checks", f"{status['pass']} passed{failed}{skipped} ({report.level})"
        yield "trust", report.trust
    for anchor in report.anchors:
        yield "anchored", f"{', '.join(anchor['covers'])} (by {anchor['source']})"
    if loose := _not_anchored(report):
        yield "not anchored", f"{', '.join(loose)}: these may be forged"
    for name in ("release", "pack", "sha256", "plan"):
        if report.result.get(name):
            yield name, report.result[name]
    if report.outcome in ("would_publish", "planned", "collected"):
        yield "files", report.result["files"] or "none"


def _not_anchored(report: Report) -> list[str]:
    covered = {part for anchor in report.anchors for part in anchor["covers"]}
    return [part for part in ALL if covered and part not in covered]


def _next(report: Report) -> str | None:
    """Return the command that usually comes next, or None."""
    subject, result = report.subject, report.result
    if not report.ok:
        return _after_failure(report)
    place = shlex.quote(str(subject["path"]))
    named = f"--name {subject.get('name')} --version {subject.get('version')}"
    which = "" if subject["kind"] == "build root" else f" {named}"
    match report.command, report.outcome:
        case "dataset validate", _:
            return f"atdata dataset verify --root {place}{which} --deep"
        case "dataset verify", _ if which:
            store = f"--store-root {place}"
            return f"atdata catalog promote {store} {named}"
        case "dataset verify", _:
            return f"atdata dataset publish --source-root {place} --store-root STORE"
        case "dataset publish", "published" | "already_published" | "repaired":
            store = f"--store-root {shlex.quote(result['store'])}"
            return f"atdata catalog promote {store} {named}"
        case "dataset pack", "packed":
            pack = shlex.quote(result["pack"])
            return f"atdata dataset verify-pack {pack} --expect-digest {result['sha256']}"
        case "dataset verify-pack", _ if report.trust != "anchored":
            return (
                "ask the sender for the digest over another channel, and pass it as --expect-digest"
            )
        case "catalog gc", "planned" if result["files"]:
            return f"atdata catalog gc --store-root {place} --apply {result['plan']}"
    return None


def _after_failure(report: Report) -> str | None:
    codes = {finding.code for finding in report.findings}
    if "RELEASE_CONFLICT" in codes:
        return "write the dataset again with another version= and publish that"
    if report.command in ("dataset validate", "dataset verify", "dataset publish", "dataset pack"):
        if report.subject["kind"] == "build root":
            return "write the dataset again: atdata.write_shards(samples, folder)"
        return "publish it again from its build root: damaged shards are replaced"
    if report.command == "dataset verify-pack":
        return "do not use the pack; fetch it again, or ask the sender"
    return None
