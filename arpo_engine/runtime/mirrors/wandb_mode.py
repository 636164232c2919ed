"""Whether W&B is reached or written to files: by its own variables, and never by a question. Needs no W&B."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

MODE_VARIABLE = "WANDB_MODE"
KEY_VARIABLES = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
SERVER_VARIABLE = "WANDB_BASE_URL"
SERVER = "https://api.wandb.ai"


def mode() -> Literal["offline"] | None:
    """None leaves it to WANDB_MODE; without that variable and without a key it would ask for one, so it is offline."""
    return None if os.environ.get(MODE_VARIABLE) or has_key() else "offline"


def has_key() -> bool:
    """Whether a key for the server is in the environment or in the netrc file that `wandb login` writes."""
    if any(os.environ.get(name) for name in KEY_VARIABLES):
        return True
    host = urlsplit(os.environ.get(SERVER_VARIABLE) or SERVER).hostname
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        return host is not None and netrc.netrc(path).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
