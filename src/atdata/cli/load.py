"""``atdata load``: print samples of a dataset."""

from __future__ import annotations

import itertools
from dataclasses import fields, is_dataclass
from typing import Any

import click
import numpy as np

from atdata.base.text import one_line
from atdata.cli.output import echo, json_option, print_json
from atdata.load import load_dataset
from atdata.samples.media import Media

# Larger arrays are not printed in full.
_SHOWN_ITEMS = 64


@click.command()
@click.argument("source")
@click.option("--split", help="The split to read; by default the first one.")
@click.option(
    "--limit",
    "--head",
    "limit",
    default=5,
    show_default=True,
    type=click.IntRange(min=0),
    help="Number of samples.",
)
@json_option
def load(source: str, split: str | None, limit: int, as_json: bool) -> None:
    """Print the first samples of a dataset.

    SOURCE is @handle/name, an at:// URI, a path, a URL, or a pattern of paths or URLs.
    """
    splits = load_dataset(source)
    dataset = splits[split or next(iter(splits))]
    samples = [_plain(sample) for sample in itertools.islice(dataset.ordered(), limit)]
    if as_json:
        print_json({"source": source, "samples": samples})
        return
    for number, sample in enumerate(samples):
        echo(f"sample {number}")
        for name, value in sample.items():
            echo(f"  {one_line(name)}: {_line(value)}")


def _plain(sample: Any) -> dict[str, Any]:
    if is_dataclass(sample):
        items = [(field.name, getattr(sample, field.name)) for field in fields(sample)]
    else:
        items = list(sample.items())
    return {name: _value(value) for name, value in items}


def _value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        about = {"dtype": str(value.dtype), "shape": list(value.shape)}
        return {**about, "items": value.tolist()} if value.size <= _SHOWN_ITEMS else about
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    if isinstance(value, Media):
        return {"bytes": len(value), "media_type": value.media_type}
    if is_dataclass(value):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _value(item) for name, item in value.items()}
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _line(value: Any) -> str:
    if isinstance(value, dict) and "dtype" in value:
        shape = " x ".join(map(str, value["shape"])) or "scalar"
        return f"{value['dtype']} {shape}"
    return one_line(str(value))
