"""What a job is made of: the code that travels with it, where it goes, and secrets that are in it by name only."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.secrets import PROMISED
from tests.web.builders import make_attempt
from tests.workers.cluster import FakeCluster
from webapp.accounts.models import Team, User
from webapp.env import EnvError
from webapp.runs.models import Run
from webapp.runs.services import create_run
from workers import launcher
from workers.code_package import engine_package

pytestmark = pytest.mark.django_db


def submitted(cluster: FakeCluster, run: Run) -> dict[str, Any]:
    """The job of a new run like this one."""
    run = create_run(owner=run.owner, team=run.team, config=RunConfig.model_validate(run.config))
    attempt, secret = make_attempt(run)
    launcher.submit_attempt(run, attempt, secret, preflight=True)
    return cluster.submitted[-1]


def test_on_one_machine_the_checkout_is_used_and_nothing_is_sent(
    cluster: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_HEAD_ADDRESS", "127.0.0.1:20001")
    job = submitted(cluster, run)
    assert str(job["entrypoint"]).startswith("cd ")
    assert "working_dir" not in job["runtime_env"] and not cluster.packages


def test_on_a_cluster_code_and_lock_travel_with_the_job_and_only_once(
    cluster: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_HEAD_ADDRESS", "10.0.0.1:6379")
    job = submitted(cluster, run)
    assert f"gcs://{next(iter(cluster.packages))}" == job["runtime_env"]["working_dir"]
    assert not str(job["entrypoint"]).startswith("cd ")
    assert '"${ARPO_NODE_PYTHON:-' in str(job["entrypoint"])
    submitted(cluster, run)
    assert len(cluster.packages) == 1


def test_the_package_is_enough_to_run_the_engine_without_a_checkout(tmp_path: Path) -> None:
    package = engine_package()
    zipfile.ZipFile(io.BytesIO(package.data)).extractall(tmp_path)
    program = (
        "from arpo_engine.runtime.provenance import REPOSITORY, git_state, lock_hash\n"
        "from arpo_engine.runtime.task_source import load_tasks\n"
        "from arpo_engine.contract.config import RunConfig\n"
        "lock = lock_hash(REPOSITORY / 'requirements')\n"
        "print(git_state(REPOSITORY)[0], lock, len(load_tasks(RunConfig())[0]), REPOSITORY)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    commit, lock, tasks, root = done.stdout.split()
    here = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    assert (commit, root) == (here or "None", str(tmp_path))
    assert lock != "None" and int(tasks) > 0
    assert package == engine_package()


def test_a_machine_with_gpus_is_asked_for_by_name(
    cluster: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARPO_ENGINE_RESOURCES", '{"GPU": 8, "gpu_host": 1}')
    job = submitted(cluster, run)
    assert (job["entrypoint_num_gpus"], job["entrypoint_resources"]) == (8, {"gpu_host": 1})
    launcher.submit_preflight("check", run.config, Path("/tmp/check"), server_gate="{}")
    assert cluster.submitted[-1]["entrypoint_num_gpus"] < 1
    monkeypatch.setenv("ARPO_ENGINE_RESOURCES", "8 GPUs")
    with pytest.raises(EnvError, match=r"give a JSON object"):
        submitted(cluster, run)


def test_a_job_names_its_secrets_and_holds_none_and_its_log_is_read_without_them(
    cluster: FakeCluster, admin: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_very-secret-1")
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:proxy-secret-2@proxy:3128")
    monkeypatch.setenv("DATABASE_PASSWORD", "not-for-runs-3")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    config = RunConfig.model_validate({"checkpoint": {"push_to": "lab/agent"}, "records": {"mirrors": ["wandb"]}})
    run = create_run(owner=admin, team=team, config=config)
    job = submitted(cluster, run)
    names = job["runtime_env"]["env_vars"][PROMISED].split(",")
    assert {"HF_TOKEN", "HTTPS_PROXY"} <= set(names) and "WANDB_API_KEY" not in names
    assert not any(secret in json.dumps([job, run.config]) for secret in ("secret-1", "secret-2", "for-runs-3"))
    submission = str(job["submission_id"])
    cluster.ends(submission, "FAILED", 1, "401 for hf_very-secret-1 by http://ann:proxy-secret-2@proxy:3128")
    assert launcher.log_of(submission) == "401 for <HF_TOKEN> by http://ann:<HTTPS_PROXY>@proxy:3128"
