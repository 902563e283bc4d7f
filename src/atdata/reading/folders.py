"""The shards of a folder that ``write_shards`` made."""

from __future__ import annotations

from pathlib import Path

from atdata.errors import ManifestError, StorageError
from atdata.shards.manifest import MANIFEST_NAME, Manifest


def shards_of(folder: Path) -> list[str]:
    """Return the paths of the shards that a folder's ``dataset.json`` lists, in order.

    Raises:
        StorageError: The folder has no ``dataset.json``, or it can't be read.
        ManifestError: It is not sound.
    """
    path = folder / MANIFEST_NAME
    try:
        manifest = Manifest.from_json(path.read_bytes())
    except FileNotFoundError:
        raise StorageError(
            "a dataset is made of shards, and this folder has no dataset.json that lists them",
            hint="Use atdata.load_dataset(folder), or name the shards: "
            "Dataset('folder/{000000..000009}.tar').",
            uri=str(folder),
        ) from None
    except OSError as error:
        raise StorageError(f"the manifest can't be read: {error}", uri=str(path)) from error
    except ManifestError as error:
        error.uri = str(path)
        raise
    return [str(folder / name) for name in manifest.paths]
