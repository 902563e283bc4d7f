"""HTML pages: search, datasets, schemas, authors. They work without scripts, too."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from atdata.appview.clients import client_of
from atdata.appview.database.protocol import Row
from atdata.appview.database.reading import (
    UNKNOWN_AUTHOR,
    SchemaSearch,
    Search,
    SearchError,
)
from atdata.appview.database.views import (
    dataset_view,
    record_of,
    schema_of,
    schema_view,
    shard_url,
    wds_url,
)
from atdata.appview.events import TABLES, row_key
from atdata.appview.proxy.backend import Backend
from atdata.appview.proxy.shards import RemoteShards
from atdata.appview.proxy.upstream import UpstreamError
from atdata.appview.web.describing import (
    MOST_FILES,
    croissant,
    document_of,
    fields_of,
    size_text,
    snippets,
    trust,
)
from atdata.appview.web.preview import ShownField
from atdata.appview.web.previews import PreviewError, Previews
from atdata.base.extras import require
from atdata.errors import StorageError
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

_HERE = Path(__file__).parent
_PAGE = 20
_MOST_SHARDS_SHOWN = 20
_LARGEST_PREVIEWED = 64 * 2**20  # bytes of a shard
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        " img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Pages:
    """Renders the pages.

    Args:
        backend: Finds records and shards.
        previews: Makes the first samples of shards.
        base: Base URL of this service, for a request.
    """

    def __init__(
        self, backend: Backend, previews: Previews, base: Callable[[Request], str]
    ) -> None:
        self._reading = backend.reading
        self._backend = backend
        self._previews = previews
        self._base = base
        jinja2 = require("jinja2", extra="appview")
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["size"] = size_text
        self._templates.filters["page"] = page_of

    def routes(self) -> list[Route | Mount]:
        """Return one route for each kind of page."""
        return [
            Route("/", self._answering(self.search)),
            Route("/dataset/{actor}/{rkey}", self._answering(self.dataset)),
            Route("/preview/{actor}/{rkey}", self._answering(self.preview)),
            Route("/schema/{actor}/{rkey}", self._answering(self.schema)),
            Route("/author/{actor}", self._answering(self.author)),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ]

    def search(self, request: Request) -> Response:
        """Answer a search: its form and results."""
        given = {name: request.query_params.get(name, "").strip() for name in _PARAMETERS}
        author = given["author"]
        did = self._reading.did_of(author) if author else None
        search = Search(
            words=given["q"],
            tags=[tag for tag in given["tag"].replace(",", " ").split() if tag],
            license=given["license"] or None,
            schema=given["schema"] or None,
            author=(did or UNKNOWN_AUTHOR) if author else None,
        )
        page = self._reading.datasets(search, _PAGE, request.query_params.get("cursor"))
        filters = {name: value for name, value in given.items() if value}
        return self._page(
            "search.html",
            title="Datasets",
            asked=given,
            is_search=bool(filters),
            datasets=[dataset_view(row, self._base(request)) for row in page.rows],
            next=page.cursor and f"/?{urlencode({**filters, 'cursor': page.cursor})}",
            counts=self._reading.counts(),
        )

    async def dataset(self, request: Request) -> Response:
        """Show one dataset."""
        row = await self._backend.searches.run(self._row, request, Record.NSID)
        if row is None:
            return self._missing("dataset")
        shards, problem = await self._remote_shards(row, client_of(request.scope))
        return await self._backend.searches.run(self._dataset, request, row, shards, problem)

    def _dataset(
        self, request: Request, row: Row, shards: RemoteShards | None, problem: str
    ) -> Response:
        base, record = self._base(request), record_of(row)
        view = dataset_view(row, base)
        schema = self._reading.schema_at(record.schema_ref)
        count = len(shards) if shards else 0
        files = [
            (shard_url(base, row["did"], row["rkey"], number), shard)
            for number, shard in enumerate(islice(shards or (), MOST_FILES))
        ]
        wds = wds_url(base, row["did"], row["rkey"], count) if count else None
        page = base + page_of(view.uri)
        return self._page(
            "dataset.html",
            title=view.name,
            dataset=view,
            rkey=row["rkey"],
            snippets=snippets(view, wds, files[0][0] if files else None),
            schema=schema and schema_view(schema),
            fields=schema and fields_of(schema_of(schema)),
            files=files[:_MOST_SHARDS_SHOWN],
            count=count,
            problem=problem,
            trust=trust(record, shards, schema["schema_cid"] if schema else None)
            if shards
            else ("fair", "The list of shards is not available now."),
            json_ld=_script(croissant(view, page, files)),
            preview=f"/preview/{quote(row['did'], safe=':')}/{quote(row['rkey'], safe=':~')}",
        )

    async def preview(self, request: Request) -> Response:
        """Show the first samples of a dataset: a part of its page, or a page by itself."""
        row = await self._backend.searches.run(self._row, request, Record.NSID)
        if row is None:
            return self._missing("dataset")
        samples: list[list[ShownField]] = []
        problem = ""
        try:
            samples = await self._samples(row, client_of(request.scope))
        except (UpstreamError, PreviewError) as error:
            problem = error.message
        return await asyncio.to_thread(
            self._page,
            "preview.html",
            title=f"Samples of {row['name']}",
            samples=samples,
            problem=problem,
            whole="part" not in request.query_params,
        )

    def schema(self, request: Request) -> Response:
        """Show one version of a schema, its other versions, and the datasets that use it."""
        row = self._row(request, SampleSchema.NSID)
        if row is None:
            return self._missing("schema")
        view, record = schema_view(row), schema_of(row)
        versions = self._reading.versions(row["did"], record.name)
        datasets = self._reading.datasets(Search(schema=row["schema_cid"]), _PAGE)
        return self._page(
            "schema.html",
            title=f"{view.name} {view.version}",
            schema=view,
            fields=fields_of(record),
            versions=[schema_view(version) for version in versions],
            datasets=[dataset_view(found, self._base(request)) for found in datasets.rows],
            more=datasets.cursor and f"/?{urlencode({'schema': row['schema_cid']})}",
            document=document_of(record),
        )

    def author(self, request: Request) -> Response:
        """Show what an account has published."""
        repo = self._repo(request.path_params["actor"])
        if repo is None:
            return self._missing("author")
        did = repo["did"]
        datasets = self._reading.datasets(Search(author=did), _PAGE)
        schemas = self._reading.schemas(SchemaSearch(author=did), 100)
        return self._page(
            "author.html",
            title=repo["handle"] or did,
            repo=repo,
            datasets=[dataset_view(row, self._base(request)) for row in datasets.rows],
            more=datasets.cursor and f"/?{urlencode({'author': did})}",
            schemas=[schema_view(row) for row in schemas.rows],
        )

    # -- parts

    def _repo(self, actor: str) -> dict[str, Any] | None:
        did = self._reading.did_of(actor)
        row = self._reading.repo(did) if did else None
        return dict(row) if row else None

    def _row(self, request: Request, collection: str) -> Row | None:
        did = self._reading.did_of(request.path_params["actor"])
        if did is None:
            return None
        rkey = request.path_params["rkey"]
        read = self._reading.dataset if collection == Record.NSID else self._reading.schema
        return read(did, rkey)

    async def _remote_shards(self, row: Row, client: str) -> tuple[RemoteShards | None, str]:
        try:
            return await self._backend.finder.of(row, client), ""
        except UpstreamError as error:
            return None, error.message

    async def _samples(self, row: Row, client: str) -> list[list[ShownField]]:
        shards = await self._backend.finder.of(row, client)
        target = shards[0].target
        if target is None:
            raise UpstreamError(
                501,
                "NotProxied",
                "the record contains no digests, so its samples can't be verified",
            )
        if target.size > _LARGEST_PREVIEWED:
            raise UpstreamError(501, "TooLarge", f"a shard has {size_text(target.size)}")
        schema = await self._backend.searches.run(self._schema_of, row)
        return await self._previews.of(target, schema, client)

    def _schema_of(self, row: Row) -> str | None:
        schema = self._reading.schema_at(record_of(row).schema_ref)
        return schema["value"] if schema else None

    def _page(self, template: str, status: int = 200, **values: Any) -> Response:
        text = self._templates.get_template(template).render(values)
        return HTMLResponse(text, status, _HEADERS)

    def _missing(self, what: str) -> Response:
        return self._page("missing.html", 404, title="Not found", what=what)

    def _answering(
        self, handler: Callable[[Request], Response | Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                if inspect.iscoroutinefunction(handler):
                    return await handler(request)  # type: ignore[no-any-return]
                # Reading and rendering take a while; other requests must be answered meanwhile.
                return await self._backend.searches.run(handler, request)  # type: ignore[arg-type]
            except SearchError:
                return self._page("missing.html", 400, title="Not found", what="page of results")
            except StorageError as error:
                return self._page(
                    "busy.html", 503, title="Temporarily unavailable", problem=error.message
                )

        return answer


_PARAMETERS = ("q", "tag", "license", "schema", "author")


def page_of(uri: str) -> str:
    """Return the path of the page about a record."""
    did, collection, rkey = uri.removeprefix("at://").split("/")
    kind = TABLES[collection].removesuffix("s")
    return f"/{kind}/{quote(did, safe=':')}/{quote(row_key(collection, rkey), safe=':~')}"


def _script(value: Any) -> str:
    """Return JSON that can stand in a script element: nothing in it ends the element."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
