"""Whether another project called ``atdata`` is installed where this one would run.

This one is distributed as ``atdata-sdk``. The other puts its modules in the same folder, so
imports would mix both.
"""

from __future__ import annotations

import os
import sys


def refuse_other_project() -> None:
    """Look for the other project's metadata by file name alone; parsing it would be slow.

    Raises:
        InstallConflict: The other project is installed.
    """
    for folder in sys.path:
        try:
            names = os.listdir(folder or os.curdir)
        except OSError:  # a ZIP file, or nothing
            continue
        for name in filter(_is_metadata, names):
            from atdata.errors import InstallConflict

            raise InstallConflict(
                "another project called 'atdata' is installed where this one (atdata-sdk) would "
                "run, and both have modules of the same names",
                uri=os.path.join(folder, name),
                hint="Keep each in an environment of its own, or uninstall both and install "
                "atdata-sdk again: pip uninstall atdata atdata-sdk",
            )


def _is_metadata(name: str) -> bool:
    # Wheels write other hyphens of a name as "_": ours is atdata_sdk-0.1.0.dist-info.
    return name == "atdata.egg-info" or (
        name.startswith("atdata-") and name.endswith((".dist-info", ".egg-info"))
    )
