"""What happens now, for whoever looks: counts each second, exchanges, faults and changes, as server-sent events.

events      the events, as data
state       what a proxy is and what is armed on it, as the events show it
series      the counts of a proxy over the last minutes
live_proxy  one proxy, between two seconds
changes     the changes of the last minutes
reader      one who reads events, and what waits for them
sampling    how many exchanges are timed
live        all of it: who looks, and what they are told
"""
