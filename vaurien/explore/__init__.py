"""Finds the failures that nobody has tested: runs a test once for each request and each fault that matter.

model      points, faults at them, outcomes: what all of the room speaks of
"""
