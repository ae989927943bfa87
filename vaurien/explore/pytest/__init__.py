"""Explores tests of pytest.

plugin       what the flags ask for, as plug-ins
running      the plug-in of a process that runs tests: proxies, and hooks that report each phase of a run
exploring    the same for one that explores them, or runs them with faults that were given
serving      the same for one that runs one test for another process
summary      the plug-in of the process that has the terminal

item_runner  runs one test again and again
fresh        runs it in a fresh process
backends     proxies in the way of what variables of the environment name
asker        who has sent a request
limiter      ends a test that takes too long
watchdog     ends a process in which nobody can run any more
failures     what an exception says
"""
