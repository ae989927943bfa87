"""The plain Locust user that `benchmarks.loads_runner` compares loads-runner with."""

from locust import HttpUser, task


class Plain(HttpUser):
    """A user that sends one request after the other."""

    @task
    def get(self) -> None:
        """Send the request of `load_tests`."""
        assert self.client.get('/ok').status_code == 200
