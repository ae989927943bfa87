"""Many processes: agents have the users, and their master gives orders. The master is a runner or a broker.

The masters and workers of Locust carry all messages, over ZeroMQ. The kinds of messages are our own.

messages    the kinds of messages between them
seal        orders that are authentic
endpoint    where a broker is
heartbeats  whether a peer is still there
packing     the files of a test, packed to be sent
reader      messages off a socket that anybody may write to
master      the master of Locust, with a reader that nothing ends
agents      the agents of a master: who is there, who was lost
job         a plan that some of them carry out, as their master sees it
cluster_run  a run whose master is the runner
worker      an agent: the process that has the users, a new one for each run
supervisor  what starts workers: ``loads-agent``, or a runner that starts its own agents
requirements  the virtual environment of a worker
broker      a master that stays between runs
broker_client  the runner's connection to a broker
remote_run  a run whose master is a broker
"""
