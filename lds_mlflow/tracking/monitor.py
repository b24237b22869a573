"""The use of processors, memory, disk, network and GPUs while a run works."""

import logging
from collections.abc import Callable, Mapping

from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

__all__ = ["SystemMonitor"]

_SECONDS = 5


class SystemMonitor(SystemMetricsMonitor):
    """MLflow's, but its figures go the run's way: MLflow's own ends for good where a server once gives no answer.

    Args:
        run_id: The run.
        tracking_uri: The address of its store.
        take: Takes a step and its figures, and sends nothing: another thread calls it.
    """

    def __init__(self, run_id: str, tracking_uri: str, take: Callable[[int, Mapping[str, float]], None]) -> None:
        logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
        SystemMetricsMonitor.__init__(self, run_id, sampling_interval=_SECONDS, tracking_uri=tracking_uri)
        self._take = take

    def monitor(self) -> None:
        """Takes figures until it is told to finish."""
        while not self._shutdown_event.wait(self.sampling_interval):
            self.collect_metrics()
            found = self.aggregate_metrics()
            self._take(self._logging_step, {f"{self._metrics_prefix}{name}": value for name, value in found.items()})
            self._logging_step += 1
            for monitor in self.monitors:
                monitor.clear_metrics()
