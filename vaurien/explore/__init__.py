"""Finds the failures that nobody has tested: runs a test once for each request and each fault that matter.

model              points, faults at them, outcomes: what all of the room speaks of
environment        proxies in the way of backends that an application finds in the environment
connection_string  where a text, such as a URL, says where backends are
locality           whether a backend is on this machine
model      points, faults at them, outcomes: what all of the room speaks of
showing    what was found out: in a terminal, on a page, to programs
"""
