"""Runs as Ray Jobs, over the cluster's HTTP API: nothing of Ray needs to be installed where this runs.

Submitting is get-or-submit by the attempt's own id, so a task that is delivered twice starts one job. Knows commands
and job states; decides nothing about a run's life.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from arpo_engine.contract.secrets import PROMISED, redactor
from arpo_engine.contract.servers import GATE_VARIABLE
from webapp.runs.model_servers import gate_for
from webapp.runs.models import Run, RunAttempt
from webapp.runs.runfolder import config_path, run_dir
from webapp.runs.services.secrets import secret_names
from workers.code_package import engine_package
from workers.environment import engine_dir, engine_python, engine_resources, ray_address, ray_token, report_url

ASK_TIMEOUT_S: Final = 10.0
SUBMIT_TIMEOUT_S: Final = 60.0
"""A head that has just started needs a while before its agent takes jobs."""
CONFIG_VARIABLE: Final = "ARPO_RUN_CONFIG"
TOKEN_VARIABLE: Final = "ARPO_ATTEMPT_TOKEN"
NODE_PYTHON: Final = "ARPO_NODE_PYTHON"
"""Set on machines that joined, by ./arpo join."""
NO_PLACE: Final = """found no machine: what ARPO_ENGINE_RESOURCES names is nowhere free; wait for other runs to end, \
or ask for less of it, such as {"gpu_host": 0.001}"""
"""What a job says of itself that was never begun."""
ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


class ClusterAway(Exception):
    """The cluster cannot be asked now; the same call may work later."""


class JobRefused(Exception):
    """The cluster understood and said no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What Ray says of a job."""

    status: str
    """PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED."""
    message: str
    exit_code: int | None

    @property
    def waits(self) -> bool:
        """Whether it has not begun: no machine has what it asks for free."""
        return self.status == "PENDING"

    @property
    def has_ended(self) -> bool:
        """Whether its process is gone."""
        return self.status in ENDED

    @property
    def was_killed(self) -> bool:
        """Whether a signal or a dying machine ended it: something that may go better another time."""
        by_signal = self.exit_code is not None and (self.exit_code < 0 or self.exit_code > 128)
        return self.status == "FAILED" and (by_signal or self.exit_code is None)


def reachable() -> str:
    """Why no job can be submitted now; empty when one can."""
    if not ray_address():
        return "there is no Ray cluster yet"
    try:
        _ask("GET", "/api/version")
    except (ClusterAway, JobRefused) as error:
        return str(error)
    return ""


def submit_attempt(run: Run, attempt: RunAttempt, secret: str, *, preflight: bool) -> None:
    """Start the attempt's job unless it is there already.

    Raises:
        ClusterAway: try again later.
        JobRefused: it will never start like this.
    """
    variables = _variables(run.config, gate_for(run.owner, run.team).as_text()) | {TOKEN_VARIABLE: secret}
    _get_or_submit(
        attempt.ray_submission_id,
        attempt_command(run, attempt, preflight=preflight),
        variables,
        {"run": run.pk, "attempt": str(attempt.number), "name": run.name[:80]},
        engine_resources(),
    )


def submit_preflight(submission_id: str, config: dict[str, Any], folder: Path, *, server_gate: str) -> None:
    """Start a job that only checks whether a run of this config could start where it would run."""
    path = folder / "config.json"
    command = _in_engine_dir(_write_config(path), _preflight(path, folder))
    _get_or_submit(submission_id, command, _variables(config, server_gate), {"preflight": "1"}, _beside_the_engine())


def submit_import(submission_id: str, path: str, *, only_look: bool) -> None:
    """Start a job that reads OSWorld's tasks from a folder where runs run, and writes them down as a task set there."""
    words = ["import-osworld", "--json", *(["--dry-run"] if only_look else []), path]
    some = _beside_the_engine()
    _get_or_submit(submission_id, _in_engine_dir(_engine(*words)), {"OMP_NUM_THREADS": "1"}, {"import": "1"}, some)


def attempt_command(run: Run, attempt: RunAttempt, *, preflight: bool) -> str:
    """The shell command of an attempt: its config written down, checked if asked for, and the engine."""
    folder, path = run_dir(run.pk), config_path(run.pk)
    words = {
        "--config": path,
        "--run-dir": folder,
        "--executor": "ray",
        "--attempt": attempt.number,
        "--run-id": run.pk,
        "--report-to": report_url(),
    }
    options = [str(word) for pair in words.items() for word in pair]
    engine = f"exec {_engine(run.kind, *options, '--quiet')}"
    return _in_engine_dir(_write_config(path), *([_preflight(path, folder)] if preflight else []), engine)


def job_of(submission_id: str) -> Job | None:
    """What became of a job; None when the cluster does not know it.

    Raises:
        ClusterAway: try again later.
    """
    try:
        tree = _ask("GET", f"/api/jobs/{submission_id}")
    except JobRefused:
        return None
    return Job(
        status=str(tree.get("status", "")),
        message=str(tree.get("message") or ""),
        exit_code=tree.get("driver_exit_code"),
    )


def log_of(submission_id: str) -> str:
    """All that the job's processes printed, without secrets; empty when the cluster cannot say."""
    try:
        return redactor(os.environ)(str(_ask("GET", f"/api/jobs/{submission_id}/logs").get("logs") or ""))
    except (ClusterAway, JobRefused):
        return ""


def stop(submission_id: str) -> bool:
    """End a job's processes; False when it is not there or has ended.

    Raises:
        ClusterAway: try again later.
    """
    try:
        return bool(_ask("POST", f"/api/jobs/{submission_id}/stop").get("stopped"))
    except JobRefused:
        return False


def _variables(config: dict[str, Any], server_gate: str) -> dict[str, str]:
    """The environment of a job. Whoever may ask Ray about jobs reads it, so secrets are in it by name only."""
    return {
        CONFIG_VARIABLE: json.dumps(config),
        GATE_VARIABLE: server_gate,
        PROMISED: ",".join(secret_names(config)),
        "OMP_NUM_THREADS": "1",
    }


def _beside_the_engine() -> dict[str, float]:
    """Next to nothing of what an engine asks for: the job lands where an engine would, and takes nobody's place.

    It still waits where others hold all of a resource: `{"gpu_host": 0.001}` leaves room for it, `{"GPU": 8}` may not.
    """
    return {name: min(amount, 0.001) for name, amount in engine_resources().items()}


def _get_or_submit(
    submission_id: str,
    command: str,
    variables: dict[str, str],
    metadata: dict[str, str],
    resources: dict[str, float],
) -> None:
    if job_of(submission_id) is not None:
        return
    named = {"GPU": "entrypoint_num_gpus", "CPU": "entrypoint_num_cpus"}
    body = {
        "submission_id": submission_id,
        "entrypoint": command,
        "runtime_env": {"env_vars": variables, **_code()},
        "metadata": metadata,
        **{key: resources[name] for name, key in named.items() if name in resources},
        "entrypoint_resources": {name: amount for name, amount in resources.items() if name not in named},
    }
    try:
        _ask("POST", "/api/jobs/", body, timeout_s=SUBMIT_TIMEOUT_S)
    except (ClusterAway, JobRefused):
        # Another delivery of the same task may have been a moment faster; then all is well.
        if job_of(submission_id) is None:
            raise


def _code() -> dict[str, str]:
    """The job's working directory, brought to the cluster if it is not there yet; nothing where a checkout is used."""
    if engine_dir() is not None:
        return {}
    package = engine_package()
    where = f"/api/packages/gcs/{package.name}"
    try:
        _ask("GET", where)
    except JobRefused:
        _ask("PUT", where, package.data, timeout_s=SUBMIT_TIMEOUT_S)
    return {"working_dir": package.uri}


def _ask(
    method: str, path: str, body: dict[str, Any] | bytes | None = None, timeout_s: float = ASK_TIMEOUT_S
) -> dict[str, Any]:
    content: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    headers = {"Authorization": f"Bearer {ray_token()}"} if ray_token() else {}
    try:
        answer = httpx.request(
            method, f"{ray_address()}{path}", headers=headers, timeout=timeout_s, trust_env=False, **content
        )
    except httpx.HTTPError as error:
        raise ClusterAway(f"the Ray cluster at {ray_address()} does not answer ({type(error).__name__})") from error
    if answer.status_code in (401, 403):
        raise JobRefused(
            f"the Ray cluster at {ray_address()} refuses the token (RAY_AUTH_TOKEN); give the console the cluster's own"
        )
    if answer.status_code >= 500:
        raise ClusterAway(f"the Ray cluster answered {answer.status_code}: {_first_line(answer.text)}")
    if answer.status_code >= 400:
        raise JobRefused(f"the Ray cluster answered {answer.status_code}: {_first_line(answer.text)}")
    tree = answer.json() if answer.content else {}
    return tree if isinstance(tree, dict) else {}


def _first_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing"


def _in_engine_dir(*commands: str) -> str:
    folder = engine_dir()
    return " && ".join([f"cd {shlex.quote(str(folder))}", *commands] if folder is not None else commands)


def _write_config(path: Path) -> str:
    where = shlex.quote(str(path))
    return f'mkdir -p {shlex.quote(str(path.parent))} && printf %s "${CONFIG_VARIABLE}" > {where}'


def _preflight(config: Path, folder: Path) -> str:
    return _engine("preflight", "--config", str(config), "--run-dir", str(folder), "--json")


def _engine(*words: str) -> str:
    python = shlex.quote(engine_python())
    if engine_dir() is None:
        # A machine that joined says which Python it has; another one is taken to have it where the console has.
        python = f'"${{{NODE_PYTHON}:-{python}}}"'
    return f"{python} {shlex.join(['-m', 'arpo_engine', *words])}"
