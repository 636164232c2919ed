"""The Hugging Face hub as a place for exports. Imports its client only when something is sent.

The token is named by the config and read from the environment; it is in no config, no event and no message.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from arpo_engine.contract.config.parts import CheckpointConfig
from arpo_engine.contract.errors import ModelError
from arpo_engine.contract.secrets import promised


def obstacle(config: CheckpointConfig) -> str | None:
    """Why nothing can be pushed from here, with the cure; None if it can, as far as is known without asking the hub."""
    if find_spec("huggingface_hub") is None:
        return "huggingface_hub is not installed here; run ./arpo setup, or leave out checkpoint.push_to"
    if not os.environ.get(config.push_token_env) and config.push_token_env not in promised(os.environ):
        return (
            f"the environment has no {config.push_token_env}; set it to a token that may write to {config.push_to} "
            "where the run runs, or leave out checkpoint.push_to"
        )
    return None


def upload_export(config: CheckpointConfig, folder: Path, message: str, *, endpoint: str | None = None) -> str:
    """Commit a model folder to `checkpoint.push_to`; the address of the repository.

    Raises:
        ModelError: there is no token, or the repository is public and should not be.
        HfHubHTTPError: the hub refuses. Whatever else its client raises comes through, too.
    """
    assert config.push_to is not None
    reason = obstacle(config)
    if reason is not None:
        raise ModelError(reason)
    if config.push_token_env not in os.environ:
        raise ModelError(f"the console did not give {config.push_token_env}, which it promised; see its log")
    from huggingface_hub import HfApi

    hub = HfApi(endpoint=endpoint, token=os.environ[config.push_token_env])
    where = hub.create_repo(config.push_to, private=config.push_private, exist_ok=True)
    # A repository that was there already keeps its own visibility.
    if config.push_private and not hub.repo_info(config.push_to).private:
        raise ModelError(
            f"{config.push_to} is public, and checkpoint.push_private is true; make it private, or set push_private to "
            "false"
        )
    hub.upload_folder(repo_id=config.push_to, folder_path=folder, commit_message=message)
    return str(where)


def without_token(config: CheckpointConfig, text: str) -> str:
    """A message that may be shown."""
    token = os.environ.get(config.push_token_env)
    return text.replace(token, "<token>") if token else text
