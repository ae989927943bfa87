"""The kinds of messages between runners, brokers and agents.

They travel in Locust's own messages. Those that carry an order are sealed, see `seal`.
"""

# From an agent to its master.
HELLO = 'loads_hello'
READY = 'loads_ready'
FAILED = 'loads_failed'
DONE = 'loads_done'
# Orders to an agent.
SETUP = 'loads_setup'
CYCLE = 'loads_cycle'
STOP = 'loads_stop'
END = 'loads_end'
# Not an order: it tells an agent why it is not admitted.
REFUSED = 'loads_refused'
# From a runner to a broker. `PING` and `POLL` are no orders.
PING = 'loads_ping'
ABOUT = 'loads_about'
SUBMIT = 'loads_submit'
ATTACH = 'loads_attach'
HALT = 'loads_halt'
PURGE = 'loads_purge'
POLL = 'loads_poll'
# From a broker to a runner.
PONG = 'loads_pong'
ANSWER = 'loads_answer'
STATE = 'loads_state'
REPORT = 'loads_report'
