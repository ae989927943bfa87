"""The plain Locust user that `benchmarks.runner` compares with."""

from locust import HttpUser, task


class Plain(HttpUser):
    """One request after the other."""

    @task
    def get(self) -> None:
        """The request of `load_tests`."""
        assert self.client.get('/ok').status_code == 200
