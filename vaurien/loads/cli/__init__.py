"""The commands ``loads-runner``, ``loads-agent`` and ``loads-broker``.

runner, agent, broker   one for each command
flags                   the flags of ``loads-runner``
service                 the flags that the other two share
drive                   from settings to a run, its progress and its outputs
cluster                 what ``loads-runner`` does with agents and brokers
progress                the bar, and the lines in its place
"""
