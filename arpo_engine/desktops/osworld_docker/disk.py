"""The virtual machine's disk that the user brings: looked at before anything is started with it."""

from __future__ import annotations

import zipfile
from pathlib import Path

from arpo_engine.contract.errors import DesktopLost

MAGIC = b"QFI\xfb"


def find_disk(given: str) -> Path:
    """The disk, as an absolute path.

    Raises:
        DesktopLost: there is none, or it is something else; with what to do.
    """
    path = Path(given).expanduser().resolve()
    if not path.is_file():
        raise DesktopLost(
            f"there is no virtual disk {path}; let OSWorld download its Ubuntu.qcow2 (quickstart.py --provider_name "
            "docker does), or set desktops.disk to the file in the docker_vm_data folder of an OSWorld checkout"
        )
    with path.open("rb") as file:
        begins = file.read(len(MAGIC))
    if begins != MAGIC:
        cure = "unpack it first (unzip)" if zipfile.is_zipfile(path) else "download it again"
        raise DesktopLost(f"{path} is no qcow2 disk (it begins with 0x{begins.hex()}); {cure}")
    return path
