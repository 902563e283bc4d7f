"""The queries that the lexicons describe: ``/xrpc/ac.foundation.dataset.*``."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from atdata._version import __version__
from atdata.appview.clients import client_of
from atdata.appview.database.protocol import Row
from atdata.appview.database.reading import (
    UNKNOWN_AUTHOR,
    CursorError,
    SchemaSearch,
    Search,
)
from atdata.appview.database.views import (
    dataset_view,
    schema_view,
    shard_url,
    shown_record,
    wds_url,
)
from atdata.appview.events import TABLES, row_key
from atdata.appview.proxy.backend import Backend
from atdata.appview.proxy.shards import RemoteShard, RemoteShards
from atdata.appview.proxy.upstream import UpstreamError
from atdata.appview.threads import Pool
from atdata.atmosphere.keys import AtUri
from atdata.errors import StorageError, UrlError
from atdata_records import ValidationError
from atdata_records.ac.foundation.dataset.describe_service import (
    DESCRIBE_SERVICE,
    DescribeServiceOutput,
)
from atdata_records.ac.foundation.dataset.get_dataset import (
    GET_DATASET,
    GetDatasetOutput,
    GetDatasetParams,
)
from atdata_records.ac.foundation.dataset.get_latest_schema import (
    GET_LATEST_SCHEMA,
    GetLatestSchemaOutput,
    GetLatestSchemaParams,
)
from atdata_records.ac.foundation.dataset.get_schema import (
    GET_SCHEMA,
    GetSchemaOutput,
    GetSchemaParams,
)
from atdata_records.ac.foundation.dataset.list_datasets import (
    LIST_DATASETS,
    ListDatasetsOutput,
    ListDatasetsParams,
)
from atdata_records.ac.foundation.dataset.list_schemas import (
    LIST_SCHEMAS,
    ListSchemasOutput,
    ListSchemasParams,
)
from atdata_records.ac.foundation.dataset.resolve_shards import (
    RESOLVE_SHARDS,
    ResolveShardsOutput,
    ResolveShardsParams,
)
from atdata_records.ac.foundation.dataset.search_datasets import (
    SEARCH_DATASETS,
    SearchDatasetsOutput,
    SearchDatasetsParams,
)
from atdata_records.ac.foundation.dataset.views import Shard

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

_NUMBERS = ("limit",)
_LISTS = ("tags",)
_MOST_LISTED = 10_000  # shards of one answer


class QueryError(Exception):
    """A query that can't be answered: HTTP status, name of the error, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Queries:
    """Answers the queries.

    Args:
        backend: Finds records and shards.
        base: Base URL of this service, for links; that of the request when None.
        sources: URLs of the servers that are followed.
    """

    def __init__(self, backend: Backend, base: str | None, sources: list[str]) -> None:
        self._reading = backend.reading
        self._backend = backend
        self._base = base
        self._sources = sources

    def routes(self) -> list[Route]:
        """Return one route for each query."""
        handlers = {
            LIST_DATASETS: self.list_datasets,
            SEARCH_DATASETS: self.search_datasets,
            GET_DATASET: self.get_dataset,
            LIST_SCHEMAS: self.list_schemas,
            GET_SCHEMA: self.get_schema,
            GET_LATEST_SCHEMA: self.get_latest_schema,
            RESOLVE_SHARDS: self.resolve_shards,
            DESCRIBE_SERVICE: self.describe_service,
        }
        return [
            Route(f"/xrpc/{endpoint.nsid}", _answering(handler, self._backend.searches))
            for endpoint, handler in handlers.items()
        ]

    def base(self, request: Request) -> str:
        """Return the base URL of this service for links."""
        return self._base or str(request.base_url).rstrip("/")

    def list_datasets(self, request: Request) -> Any:
        """Answer ``listDatasets``."""
        asked = _params(request, ListDatasetsParams)
        search = Search(author=self._author(asked.author))
        return self._found(request, search, asked, ListDatasetsOutput)

    def search_datasets(self, request: Request) -> Any:
        """Answer ``searchDatasets``."""
        asked = _params(request, SearchDatasetsParams)
        search = Search(
            words=asked.q or "",
            tags=asked.tags or (),
            license=asked.license,
            schema=asked.schema,
            author=self._author(asked.author),
        )
        return self._found(request, search, asked, SearchDatasetsOutput)

    def get_dataset(self, request: Request) -> Any:
        """Answer ``getDataset``."""
        row = self._dataset(_params(request, GetDatasetParams).uri)
        view = dataset_view(row, self.base(request))
        return GetDatasetOutput(dataset=view, record=shown_record(row))

    def list_schemas(self, request: Request) -> Any:
        """Answer ``listSchemas``."""
        asked = _params(request, ListSchemasParams)
        search = SchemaSearch(author=self._author(asked.author), name=asked.name)
        page = self._reading.schemas(search, asked.limit or 50, asked.cursor)
        return ListSchemasOutput(
            schemas=[schema_view(row) for row in page.rows], cursor=page.cursor
        )

    def get_schema(self, request: Request) -> Any:
        """Answer ``getSchema``."""
        at = self._at(_params(request, GetSchemaParams).uri, "schemas")
        row = self._reading.schema(at.authority, row_key(at.collection, at.rkey))
        return _schema(row, GetSchemaOutput)

    def get_latest_schema(self, request: Request) -> Any:
        """Answer ``getLatestSchema``."""
        asked = _params(request, GetLatestSchemaParams)
        author = self._author(asked.author) or ""
        rows = self._reading.versions(author, asked.name, 1)
        row = self._reading.schema(author, rows[0]["rkey"]) if rows else None
        return _schema(row, GetLatestSchemaOutput)

    async def resolve_shards(self, request: Request) -> Any:
        """Answer ``resolveShards``."""
        row = await self._backend.searches.run(
            self._dataset, _params(request, ResolveShardsParams).uri
        )
        try:
            shards = await self._backend.finder.of(row, client_of(request.scope))
        except UpstreamError as error:
            raise QueryError(error.status, "Unavailable", error.message) from error
        if len(shards) > _MOST_LISTED:
            raise _too_long()
        return await asyncio.to_thread(_resolved, self.base(request), row, shards)

    def describe_service(self, request: Request) -> Any:
        """Answer ``describeService``."""
        counts = self._reading.counts()
        return DescribeServiceOutput(
            version=__version__,
            datasets=counts["datasets"],
            schemas=counts["schemas"],
            repositories=counts["repositories"],
            sources=self._sources,
        )

    def _found(self, request: Request, search: Search, asked: Any, output: Any) -> Any:
        page = self._reading.datasets(search, asked.limit or 50, asked.cursor)
        views = [dataset_view(row, self.base(request)) for row in page.rows]
        return output(datasets=views, cursor=page.cursor)

    def _author(self, actor: str | None) -> str | None:
        if actor is None:
            return None
        did = self._reading.did_of(actor)
        return did or UNKNOWN_AUTHOR

    def _at(self, uri: str, table: str) -> AtUri:
        at = AtUri.parse(uri)
        did = self._reading.did_of(at.authority)
        if did is None or TABLES.get(at.collection) != table:
            raise QueryError(404, "NotFound", "this service has no such record")
        return AtUri(did, at.collection, at.rkey)

    def _dataset(self, uri: str) -> Row:
        at = self._at(uri, "datasets")
        row = self._reading.dataset(at.authority, row_key(at.collection, at.rkey))
        if row is None:
            raise QueryError(404, "NotFound", "this service has no such dataset")
        return row


def _schema(row: Row | None, output: Any) -> Any:
    if row is None:
        raise QueryError(404, "NotFound", "this service has no such schema")
    return output(schema=schema_view(row), record=shown_record(row))


def _shard(url: str, shard: RemoteShard) -> Shard:
    info = shard.info
    return Shard(
        url=url,
        source=None if shard.is_blob else shard.url,
        cid=info.cid if info else None,
        size=info.size if info else None,
        samples=shard.samples,
    )


def _params(request: Request, kind: Any) -> Any:
    """Return the query's parameters, checked by its lexicon."""
    value: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name in _LISTS:
            value.setdefault(name, []).append(text)
        elif name in _NUMBERS and text.isascii() and text.isdigit() and len(text) < 10:
            value[name] = int(text)
        else:
            value[name] = text
    return kind.from_dict(value)


def _resolved(base: str, row: Row, shards: RemoteShards) -> ResolveShardsOutput:
    did, rkey = row["did"], row["rkey"]
    return ResolveShardsOutput(
        wds=wds_url(base, did, rkey, len(shards)),
        shards=[
            _shard(shard_url(base, did, rkey, number), shard) for number, shard in enumerate(shards)
        ],
    )


def _too_long() -> QueryError:
    return QueryError(501, "TooLarge", "the answer is too long")


def _answering(handler: Callable[[Request], Any], pool: Pool) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            # Reading and encoding take a while; other requests must be answered meanwhile.
            if inspect.iscoroutinefunction(handler):
                output = await handler(request)
            else:
                output = await pool.run(handler, request)
        except ValidationError as error:
            return refusal(400, "InvalidRequest", str(error))
        except CursorError as error:
            return refusal(400, "BadCursor", error.message)
        except StorageError as error:
            return refusal(503, "Busy", error.message)
        except UrlError as error:
            return refusal(400, "InvalidRequest", error.message)
        except QueryError as error:
            return refusal(error.status, error.code, error.message)
        try:
            text = await asyncio.to_thread(output.to_json)
        except ValidationError:
            too_long = _too_long()
            return refusal(too_long.status, too_long.code, too_long.message)
        return with_etag(request, text, "application/json")

    return answer


def with_etag(request: Request, body: bytes, media_type: str) -> Response:
    """Return a response that a client need not load twice."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": "no-cache", "x-content-type-options": "nosniff"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def refusal(status: int, code: str, message: str) -> Response:
    """Return an error in the form of XRPC."""
    return JSONResponse({"error": code, "message": message}, status)
