"""The command ``vaurien``, and ``vaurienctl`` in `ctl`.

entries  where the installed commands begin
main     finds the sub-command, or patches the standard library and runs
commands finds the others
flags    the command line
groups   what the help says of the settings
run      serves until a signal comes
companions what stands beside the proxies: journal, replay, telemetry, workers
announcing what is printed at the start and at the end
browsing ``--ui``: opens the page
demo     ``--demo``: the job in ten seconds
explore  ``vaurien explore``: finds the faults that a command does not survive
report   ``vaurien report``: the page for a team
check    ``vaurien check``: whether files are right
explaining what a configuration will do, in plain words
completion ``vaurien completion``: scripts for shells
parsers  the command lines of all commands, for scripts and manual pages
schema   ``vaurien schema``: what editors complete files with
ctl      the command ``vaurienctl``
"""
