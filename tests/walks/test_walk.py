"""Journeys are short, and run forward."""

from __future__ import annotations

from pathlib import Path

import pytest

import atdata.shards.info
from atdata.atmosphere import AtmosphereClient
from atdata.promote import Promotion

from .promote import walk_promotion
from .walk import Walk, walking


@pytest.mark.xdist_group("pds")
def test_promotion_enters_few_files_and_never_returns_to_one_more_than_twice(
    client: AtmosphereClient, tmp_path: Path
) -> None:
    walk = walk_promotion(client, tmp_path)
    assert len(walk.returns) <= 15, str(walk)
    assert max(walk.returns.values()) <= 2, str(walk)
    assert (walk.stays[0], walk.stays[-1]) == ("promote.py", "atmosphere/keys.py")


def test_a_stay_is_counted_once_and_coming_back_is_a_return() -> None:
    walk = Walk()
    root = Path(atdata.__file__).parent
    for name in ("a.py", "a.py", "room/b.py", "errors.py", "base/c.py", "room/b.py", "a.py"):
        walk.enter(root / name)
    walk.enter(Path("/elsewhere/a.py"))
    assert walk.stays == ["a.py", "room/b.py", "a.py"]
    assert walk.returns == {"a.py": 1, "room/b.py": 0}
    assert "2 files, 1 returns" in str(walk)


def test_calls_are_followed_inside_the_block_only() -> None:
    with walking() as walk:
        atdata.shards.info.known_infos([])
    with pytest.raises(AttributeError):
        Promotion.plan(None)  # type: ignore[arg-type]
    assert walk.stays == ["shards/info.py"]
