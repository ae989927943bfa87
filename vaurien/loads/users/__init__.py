"""Many users in one process, on Locust: in the runner itself, or in an agent.

patching    what has to come before anything else is imported
run         a run, wherever its users are: what outputs look at, and the report
user_process  a process that has users, and the run whose only process is the runner's own
user        a Locust user that runs the test again and again, exactly as often as it should
case_hits   a hit that runs a unittest method
command_hits  a hit that runs a command
fixtures    ``setUpModule`` and ``setUpClass``, once per process
locust_recorder  from what the clients of a test tell to the statistics
fault_proxy  a proxy in front of the server, and whose hits its faults met
connections  which user opened a connection to it
"""
