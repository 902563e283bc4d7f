"""Public files of the Hugging Face Hub, read over https.

Their URLs are those of ``huggingface_hub``: ``hf://datasets/{owner}/{name}/{path}``, with
``@{revision}`` after the name for another revision than ``main``. The library itself is not
needed: the Hub redirects to each file, and the rest is HTTP.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote

from atdata.errors import UrlError
from atdata.storage.http import Web
from atdata.storage.resume import Opened

_ENDPOINT = "https://huggingface.co"
_KIND = r"(?:datasets/|spaces/|(?!datasets/|spaces/))"  # repositories of models have no prefix
_URL = re.compile(rf"hf://({_KIND}[\w.-]+/[\w.-]+)(?:@([^/]+))?/([^/].*)", re.ASCII)


class HuggingFace(Web):
    """Files of the Hub, by their ``hf://`` URLs; ``HF_ENDPOINT`` names another Hub."""

    def open_range(
        self, key: str, *, start: int = 0, stop: int | None = None, tag: str | None = None
    ) -> Opened:
        """See :class:`~atdata.storage.http.Web`.

        Raises:
            UrlError: The URL does not name a file of a repository.
        """
        return super().open_range(resolved(key), start=start, stop=stop, tag=tag)


def resolved(url: str) -> str:
    """Return the https URL of a file, given its ``hf://`` URL.

    Raises:
        UrlError: It does not name a file of a repository.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise UrlError(
            "not the URL of a file on the Hugging Face Hub",
            uri=url,
            hint="Write hf://datasets/OWNER/NAME/PATH, or hf://datasets/OWNER/NAME@REVISION/PATH.",
        )
    repository, revision, path = match[1], match[2] or "main", match[3]
    hub = os.environ.get("HF_ENDPOINT", _ENDPOINT).rstrip("/")
    return f"{hub}/{repository}/resolve/{quote(unquote(revision), safe='')}/{quote(path)}"
