"""Several processes that serve the links of one: its workers.

The process itself, their parent, listens, speaks the control API and decides what is armed. It hands each client that
it accepts over to a worker, with the number of its link.

pool          the workers of a parent: who gets the next client, who is asked, who takes the place of one that has ended
worker        one worker, as its parent sees it
proxy         a proxy of the parent, whose links are in the workers
toxics        its toxics
link          a link of it
totals        its counters and its last faults
desired_state what workers are told of a proxy
timing        the exchanges that a worker times
report        what a worker has counted on a proxy, and what all of them have together
messages      how the parent asks a worker, and gets its answer
clients       how the parent hands clients over, and hears of links that have closed
process       the process of a worker
served        the proxies of a worker
intake        what stands in the place of the listener there
"""
