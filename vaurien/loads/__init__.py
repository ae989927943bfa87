"""Functional tests as load: write plain unittest methods, run them with ``loads-runner``.

case, session, webapp, websocket    what a test uses; none of them imports the engine
recorder                            where these tell what happens
users/                              many users in one process, on Locust
cluster/                            many processes: agents, and the broker between them and the runner
outputs/                            where results go
cli/                                the commands
"""

from vaurien.loads.case import TestCase

__all__ = ['TestCase']
