"""What a `start_server.sh` like ARPO's says about its servers: the model's name, the first port, images a prompt.

Text in, the runner's parameters out; assignments of plain words are resolved, nothing is executed.
"""

from __future__ import annotations

import re

SERVER = "vllm.entrypoints.openai.api_server"
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(\w+)=([^\s;$`()]+)\s*(?:#.*)?$", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_PARAMETERS = {
    "model": re.compile(r"--served-model-name[ =]+(\S+)"),
    "server_port": re.compile(r"--port[ =]+(?:\$\(\(\s*)?([\w${}]+)"),
    "limit_images": re.compile(r"--limit-mm-per-prompt[ =]+[\"']?image=(\S+?)[\"']?(?:\s|$)"),
}


def read_server(text: str) -> dict[str, str]:
    """`model`, `server_port` and `limit_images` as far as the script says them; empty if it starts no such server."""
    joined = re.sub(r"\\\r?\n", " ", text)
    if SERVER not in joined:
        return {}
    known = {name: value.strip("\"'") for name, value in _ASSIGNMENT.findall(joined)}
    found = {}
    for name, pattern in _PARAMETERS.items():
        said = pattern.search(joined)
        if said is not None:
            found[name] = _VARIABLE.sub(lambda variable: known.get(variable[1], variable[0]), said[1]).strip("\"'")
    return found
