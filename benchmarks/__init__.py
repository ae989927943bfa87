"""Measure what the proxy costs, compared with no proxy, HAProxy and Toxiproxy: ``python -m benchmarks``.

A scenario is a load on a kind of backend. A contender is what stands between the load and the backend. A step is one
contender under one scenario. Every round runs every step once, so that a disturbance of the machine affects all of them
alike. Contenders are judged by the processor time of the proxy per unit of work, because rates and high percentiles
depend more on the machine. One scenario has no proxy: it measures ``tcpgoon``, which is the load itself.
"""
