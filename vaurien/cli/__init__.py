"""The command ``vaurien``, and ``vaurienctl`` in `ctl`.

main   patches the standard library, then runs
flags  the command line
run    serves until a signal comes
demo   ``--demo``: the job in ten seconds
ctl    the command ``vaurienctl``
"""
