"""The use of processors, memory, disk, network and GPUs while a run works."""

import logging
from collections.abc import Callable, Mapping

from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

__all__ = ["SystemMonitor"]

_SECONDS = 5
_log = logging.getLogger(__name__)


class SystemMonitor(SystemMetricsMonitor):
    """MLflow's, but logging as the run does: MLflow's own ends for good where a server once gives no answer.

    Args:
        run_id: The run.
        tracking_uri: The address of its store.
        log: Takes a step and its figures; another thread calls it.
    """

    def __init__(self, run_id: str, tracking_uri: str, log: Callable[[int, Mapping[str, float]], None]) -> None:
        logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
        super().__init__(run_id, sampling_interval=_SECONDS, tracking_uri=tracking_uri)  # type: ignore[no-untyped-call]
        self._log = log

    def monitor(self) -> None:
        """Logs until it is told to finish."""
        while not self._shutdown_event.wait(self.sampling_interval):
            self.collect_metrics()
            figures = {f"{self._metrics_prefix}{name}": value for name, value in self.aggregate_metrics().items()}
            try:
                self._log(self._logging_step, figures)
            except (MlflowException, OSError):
                # The points still wait, and the thread that works meets the same error and can be heard.
                _log.debug("system metrics are not sent", exc_info=True)
            self._logging_step += 1
            for monitor in self.monitors:
                monitor.clear_metrics()
