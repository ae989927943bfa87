"""The command ``vaurien``, and ``vaurienctl`` in `ctl`.

main     finds the sub-command, or patches the standard library and runs
flags    the command line
run      serves until a signal comes
demo     ``--demo``: the job in ten seconds
explore  ``vaurien explore``: finds the faults that a command does not survive
report   ``vaurien report``: the page for a team
ctl      the command ``vaurienctl``
"""
