"""Many users in one process, on Locust: in the runner itself or in an agent.

patching    what comes before the import of Locust
run         a run, wherever its users are, as outputs see it
user_process  a process that has users, and the run whose only process is the runner's own
user        a Locust user that runs the test exactly as often as it should
case_hits   a hit that runs a unittest method
command_hits  a hit that runs a command
fixtures    ``setUpModule`` and ``setUpClass``, once in each process
locust_recorder  what the clients of a test report to
fault_proxy  a proxy in front of the server, and whose hits its faults met
exploring_proxy  one that tries faults on a part of the hits
connections  which user opened a connection to it
"""
