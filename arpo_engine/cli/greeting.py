"""Before a run begins for a console: do both understand each other, and which secrets does the console give."""

from __future__ import annotations

import logging
import os

from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.reporting.console import (
    BatchTooLarge,
    ConsoleAway,
    ConsoleClient,
    ConsoleRefused,
    ContractsDiffer,
    LineUnreadable,
)
from arpo_engine.contract.secrets import promised

log = logging.getLogger(__name__)


def greet_console(url: str, run_id: str | None, token: str | None) -> None:
    """Shake hands, and put the secrets that were promised into the environment; what it has already stays.

    A console that is away stops nothing: the run begins, and what it has to tell is shipped later.

    Raises:
        ConfigError: the console has another version of the contract, or the address, the id or the token are none.
    """
    client = ConsoleClient.for_run(url, run_id, token)
    try:
        client.handshake()
        lacking = [name for name in promised(os.environ) if not os.environ.get(name)]
        if lacking:
            given = client.get_secrets()
            os.environ.update({name: given[name] for name in lacking if name in given})
    except ContractsDiffer as error:
        raise ConfigError(f"this run cannot report to {url}: {error}") from error
    except (ConsoleAway, ConsoleRefused, BatchTooLarge, LineUnreadable) as error:
        log.warning("the console cannot be asked before the run begins: %s", error)
    finally:
        client.close()
