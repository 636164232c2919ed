"""A run in MLflow: at the server that MLFLOW_TRACKING_URI names, else as files below the run folder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.runtime.mirrors.base import TrackedRun

SERVER_VARIABLE = "MLFLOW_TRACKING_URI"
FILES_ALLOWED_VARIABLE = "MLFLOW_ALLOW_FILE_STORE"
"""MLflow 3 refuses files unless somebody asks for them; here they are what needs no server."""
FILES = "mlruns"
PARAMETERS_AT_ONCE = 100
PARAMETER_LENGTH = 6_000
_STATUS = {RunOutcome.FINISHED: "FINISHED", RunOutcome.STOPPED: "KILLED"}


class MlflowTracker:
    """Metrics and parameters of one MLflow run; the project is its experiment."""

    takes_back = False

    def open(self, run: TrackedRun) -> str:
        """Go on with the kept run where the server still has it, or begin one."""
        uri = os.environ.get(SERVER_VARIABLE)
        if not uri:
            os.environ.setdefault(FILES_ALLOWED_VARIABLE, "true")
            uri = (run.folder / FILES).absolute().as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        self._run_id = self._known(run.kept) or self._begin(run)
        return self._run_id

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """One batch for a step."""
        at_ms = time.time_ns() // 1_000_000
        self._client.log_batch(self._run_id, [Metric(name, value, at_ms, step) for name, value in numbers.items()])

    def close(self, outcome: RunOutcome | None) -> None:
        """Say how it ended."""
        self._client.set_terminated(self._run_id, _STATUS.get(outcome, "FAILED") if outcome else "FAILED")

    def abandon(self) -> None:
        """A request that is under way keeps no process alive."""

    def _known(self, run_id: str | None) -> str | None:
        if run_id is None:
            return None
        try:
            self._client.update_run(run_id, status="RUNNING")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run_id

    def _begin(self, run: TrackedRun) -> str:
        experiment = self._client.get_experiment_by_name(run.project)
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment(run.project)
        run_id = str(self._client.create_run(experiment_id, run_name=run.name).info.run_id)
        settings = [Param(name, str(value)[:PARAMETER_LENGTH]) for name, value in run.settings.items()]
        for start in range(0, len(settings), PARAMETERS_AT_ONCE):
            self._client.log_batch(run_id, params=settings[start : start + PARAMETERS_AT_ONCE])
        self._client.log_batch(run_id, tags=[RunTag("mlflow.source.name", "arpo_engine")])
        return run_id
