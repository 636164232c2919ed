"""A cluster's Jobs API as a table: what was submitted, what each job's state is, what it printed."""

from __future__ import annotations

from typing import Any

from workers.launcher import ClusterAway, JobRefused


class FakeCluster:
    """Answers as Ray's HTTP API does; tests move the jobs' states themselves."""

    def __init__(self) -> None:
        self.away = False
        self.jobs: dict[str, dict[str, Any]] = {}
        self.submitted: list[dict[str, Any]] = []
        self.logs: dict[str, str] = {}
        self.packages: dict[str, bytes] = {}
        self.stops: list[str] = []
        self.obeys_stop = True

    def ask(
        self, method: str, path: str, body: dict[str, Any] | bytes | None = None, timeout_s: float = 0.0
    ) -> dict[str, Any]:
        if self.away:
            raise ClusterAway("the Ray cluster does not answer")
        words = path.strip("/").split("/")
        if path == "/api/version":
            return {"version": "4"}
        if words[1] == "packages":
            return self._package(method, words[-1], body)
        if method == "POST" and path == "/api/jobs/":
            assert isinstance(body, dict)
            return self._submit(body)
        job = self.jobs.get(words[2])
        if job is None:
            raise JobRefused("404: no such job")
        if words[-1] == "logs":
            return {"logs": self.logs.get(words[2], "")}
        if words[-1] == "stop":
            self.stops.append(words[2])
            if self.obeys_stop:
                job["status"] = "STOPPED"
            return {"stopped": True}
        return job

    def ends(self, submission_id: str, status: str, exit_code: int | None = None, log: str = "") -> None:
        """The job's process is gone."""
        self.jobs[submission_id] = {"status": status, "message": "", "driver_exit_code": exit_code}
        self.logs[submission_id] = log

    def _package(self, method: str, name: str, body: dict[str, Any] | bytes | None) -> dict[str, Any]:
        if method == "PUT":
            assert isinstance(body, bytes)
            self.packages[name] = body
        if name not in self.packages:
            raise JobRefused("404: no such package")
        return {}

    def _submit(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["submission_id"] in self.jobs:
            raise ClusterAway("500: a job with this submission_id exists")
        self.submitted.append(body)
        self.jobs[body["submission_id"]] = {"status": "RUNNING", "message": "", "driver_exit_code": None}
        return {"submission_id": body["submission_id"]}
