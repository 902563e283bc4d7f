"""The pages, in a real browser."""

from __future__ import annotations

import ast
import html
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect, sync_playwright

import atdata
from atdata.samples.schema import record_cid, to_record
from atdata.shards.writer import cut_shards

from ..content import DID, dataset, shard, with_blobs
from ..hostile_pds import HostilePDS
from ..running import AppView

CHROMIUM = shutil.which("chromium")
NASTY = '<script>alert(1)</script><img src=x onerror="alert(2)">'


@atdata.packable
class Drawing:
    """A drawing and what is said of it."""

    picture: NDArray[np.uint8]
    signal: NDArray[np.float32]
    caption: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "these tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, none of which may log an error."""
    contexts, errors = [], list[str]()

    def open_(url: str, **settings: Any) -> Page:
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: errors.append("a script of a record ran"))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def filled(appview: AppView, hostile_pds: HostilePDS, tmp_path: Path) -> AppView:
    random = np.random.default_rng(3)
    drawings = (
        Drawing(
            picture=random.integers(0, 255, (9, 11, 3), dtype=np.uint8),
            signal=random.normal(size=500).astype(np.float32),
            caption=NASTY if number else "a first drawing",
        )
        for number in range(5)
    )
    (tmp_path / "shards").mkdir()
    ((path, one),) = cut_shards(drawings, tmp_path / "shards")
    hostile_pds.offer(one.cid, path.read_bytes())
    schema = to_record(Drawing, "1.0.0", created_at="2026-01-02T03:04:05.678Z")
    appview.follow(hostile_pds.did, hostile_pds.url, "artist.test")
    uri = appview.put(hostile_pds.did, "Drawing:1.0.0", schema.to_dict())
    value = with_blobs(
        "drawings",
        [path.read_bytes()],
        description="Drawn by chance",
        tags=["art"],
        license="CC0-1.0",
    )
    value |= {"schemaRef": uri, "schemaCid": record_cid(schema)}
    value["shards"][0]["samples"] = one.samples
    from atdata.shards.info import content_cid

    value["contentCid"] = content_cid(record_cid(schema), [one])
    appview.put(hostile_pds.did, "drawings", value)
    appview.follow(DID, "https://pds.example", "lab.test")
    appview.put(DID, "nasty", dataset(NASTY, description=NASTY, tags=[NASTY], license=NASTY))
    for number in range(25):
        appview.put(DID, f"other{number}", dataset(f"other {number}"))
    return appview


def test_search_open_preview_and_copy(filled: AppView, open_page: Callable[..., Page]) -> None:
    page = open_page(filled.url)
    page.get_by_label("Words").fill("draw")
    page.get_by_label("Tags").fill("art")
    page.get_by_role("main").get_by_role("button", name="Search").click()
    expect(page.locator(".results > li")).to_have_count(1)
    page.get_by_role("link", name="drawings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("drawings")
    expect(page.locator(".trust")).to_contain_text("Verified")
    pictures = page.locator(".samples img")
    expect(pictures).to_have_count(5)
    width = pictures.first.evaluate("image => image.decode().then(() => image.naturalWidth)")
    assert width == 11
    expect(page.locator(".histogram")).to_have_count(5)
    expect(page.locator(".samples")).to_contain_text("a first drawing")
    expect(page.get_by_role("row", name="picture")).to_contain_text("array uint8")
    page.get_by_role("button", name="Copy the snippet for webdataset").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "wds.WebDataset(" in copied
    assert "/drawings/000000.tar" in copied


def test_from_page_to_page(filled: AppView, open_page: Callable[..., Page]) -> None:
    page = open_page(filled.url)
    expect(page.locator(".results > li")).to_have_count(20)
    page.get_by_role("link", name="More", exact=True).click()
    expect(page.locator(".results > li")).to_have_count(7)
    page.get_by_role("link", name="@artist.test").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("@artist.test")
    page.get_by_role("link", name="Drawing 1.0.0").click()
    expect(page.get_by_role("heading", level=2, name="Versions")).to_be_visible()
    page.get_by_role("link", name="drawings").click()
    expect(page).to_have_url(re.compile("/dataset/"))


def test_the_keyboard_alone_is_enough(filled: AppView, open_page: Callable[..., Page]) -> None:
    page = open_page(filled.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Words")).to_be_focused()
    page.keyboard.type("drawings")
    page.keyboard.press("Enter")
    expect(page.locator(".results > li")).to_have_count(1)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "drawings":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("drawings")
    expect(page.locator(".samples img")).to_have_count(5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_do_not_scroll_sideways(
    filled: AppView, open_page: Callable[..., Page], scheme: str
) -> None:
    page = open_page(filled.url, viewport={"width": 340, "height": 700}, color_scheme=scheme)
    page.get_by_label("Words").fill("drawings")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="drawings").click()
    expect(page.locator(".samples img")).to_have_count(5)
    assert page.evaluate("document.documentElement.scrollWidth") <= 340


def test_what_records_say_is_text_and_never_code(
    filled: AppView, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{filled.url}/dataset/{DID}/nasty")
    expect(page.get_by_role("heading", level=1)).to_have_text(NASTY)
    expect(page.locator(".trust")).to_contain_text("Not verifiable")
    expect(page.locator("#preview")).to_contain_text("its samples can't be verified")
    assert page.locator("main script").count() == 0
    page = open_page(f"{filled.url}/?q=%3Cscript%3E&tag={NASTY}")
    assert page.locator("main script").count() == 0


@pytest.mark.parametrize(
    "name", ['x"); import os; os.system("id', "a\nimport os", "\u202etxt", "\\"]
)
def test_no_name_breaks_out_of_a_snippet(filled: AppView, name: str) -> None:
    filled.put(DID, "odd", dataset(name))
    text = filled.get(f"/dataset/{DID}/odd").text
    (code,) = re.findall('<code id="snippet-atdata">(.*?)</code>', text, re.DOTALL)
    _, assigned, loop = ast.parse(html.unescape(code)).body
    assert isinstance(assigned, ast.Assign)
    assert isinstance(assigned.value, ast.Call)
    assert ast.literal_eval(assigned.value.args[0]) == f"@lab.test/{name}"
    assert isinstance(loop, ast.For)
    assert html.unescape(code).replace("\n", "").isprintable()


def test_without_scripts_the_pages_work_too(
    filled: AppView, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{filled.url}/?q=drawings", java_script_enabled=False)
    page.get_by_role("link", name="drawings").click()
    page.get_by_role("link", name="Show the first samples").click()
    assert page.locator(".samples img").count() == 5


def test_what_is_not_there(filled: AppView) -> None:
    for path in (
        f"/dataset/{DID}/no",
        "/dataset/no.test/no",
        f"/schema/{DID}/no",
        "/author/no.test",
    ):
        answer = filled.get(path)
        assert answer.status_code == 404
        assert "Not found" in answer.text
    assert filled.get("/?cursor=made-up").status_code == 400


def test_a_list_of_shards_that_is_not_the_contents_is_reported(filled: AppView) -> None:
    value = with_blobs("lying", [shard(1)])
    value["samples"] = value["shards"][0]["samples"] = 99
    filled.put(DID, "lying", value)
    assert "Not consistent" in filled.get(f"/dataset/{DID}/lying").text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_dataset_pages_carry_sound_croissant(
    filled: AppView, open_page: Callable[..., Page]
) -> None:
    import mlcroissant

    page = open_page(f"{filled.url}/?q=drawings")
    page.get_by_role("link", name="drawings").click()
    text = page.locator('script[type="application/ld+json"]').text_content()
    document = json.loads(html.unescape(text or ""))
    metadata = mlcroissant.Dataset(jsonld=document).metadata
    assert metadata.ctx.issues.errors == set()
    assert metadata.name == "drawings"
    (file,) = metadata.distribution
    assert len(file.sha256) == 64
    assert filled.get(file.content_url.removeprefix(filled.url)).status_code == 200
