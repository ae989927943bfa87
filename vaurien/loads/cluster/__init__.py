"""Many processes: agents have the users, a broker, or the runner itself, tells them what to do.

Locust's master and worker carry everything, over ZeroMQ; what is ours are the messages.

messages    the kinds of messages between them
seal        orders that are authentic
endpoint    where a broker is
heartbeats  whether a peer is still there
packing     the files of a test, packed for the journey
agents      the master's side: who is there, who was lost
job         the master's side: a plan carried out by some of them
cluster_run  a run whose master is the runner
worker      the agent's side: the process that has the users, a fresh one for each run
supervisor  what starts workers: ``loads-agent``, and the runner for agents of its own
requirements  a virtual environment of the worker's own
broker      a master that stays
broker_client  the runner's way to a broker
remote_run  a run whose master is a broker
"""
