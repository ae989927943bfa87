"""Functional tests as load: write plain unittest methods, and run them with ``loads-runner``.

case, session, webapp, websocket    what a test uses; none of them imports Locust
recorder                            what these report to
settings, config, vaurien_flag      what ``loads-runner`` can be given, by flags and by a file
discovery                           from the name of a test to the test
plan                                what a run is to do
stats, report, summary              what was counted, the result, and the text of it
users/                              many users in one process, on Locust
cluster/                            many processes: agents, and the broker between them and the runner
outputs/                            where results go
cli/                                the commands
"""

from vaurien.loads.case import TestCase

__all__ = ['TestCase']
