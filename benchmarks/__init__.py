"""What the proxy costs, next to no proxy at all, HAProxy and Toxiproxy: ``python -m benchmarks`` in the repository.

A scenario is one load on one kind of backend; a contender is what stands in between; a step is one contender under one
scenario. Every round runs every step once, so that what disturbs the machine disturbs all alike. What is judged is the
processor time of the proxy per unit of work: rates and high percentiles say more about the machine. In one scenario
there is no proxy: it measures ``tcpgoon``, which is the load.
"""
