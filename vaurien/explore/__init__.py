"""Finds the failures that nobody has tested: runs a test once for each request and each fault that matter.

model              points, faults at them, outcomes: what all of the room speaks of
settings           what is tried and how it is judged, from files, flags and markers
setting_flags      the flags that change it
explorer           the exploration of one test

masking            a hash of requests without what differs from run to run
learning           the points that clean runs have in common
trying             what is armed for a fault
aiming             which request a fault meets
planning           which faults are possible, in their order
pruning            which of them need not be tried
following          which become worth trying by what others do
oracles            what only a proxy sees: twice, storm, leak
judging            what became of a test under a fault
spoiling           whether a fault has spoilt the test for later runs
replaying          faults that somebody wants to see again

proxies            the proxies of a test: what they inject during its call, and what they have seen
watching           what injects faults at a proxy, and keeps what the application asked for

environment        proxies in the way of backends that an application finds in the environment
locality           whether a backend is on this machine
trust              what has an application trust the certificates of proxies

command_runner     runs a command again and again
process_group      a command with all the processes that it starts
sockets            the sockets of this process
peers              which of them has connected to a proxy
command_failure    what its output says about why it failed

pytest             exploring tests of pytest
showing            what was found out: in a terminal, on a page, to programs
"""
