"""Schedules: faults that come and go over time.

schedule   what a schedule says: its steps, checked
reading    a schedule from what people write, and every mistake with the path of its field
change     one change of one proxy, and its text
timeline   the changes that follow from a schedule, and when: pure, and the same for the same seed
preview    the timeline as lines, before anything happens
scheduled  the part of a proxy that is changed
effects    changes at work, and what was there before them
clock      the time by which a schedule runs
run        one schedule that runs
scheduler  the schedule that runs on the proxies of a process

All but the last six are sans-IO.
"""
