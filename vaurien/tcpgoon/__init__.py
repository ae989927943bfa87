"""``tcpgoon``: how many connections does this server hold? Opens many, keeps them open, tells what became of them.

main          the command, and what its sub-commands are
flags         what can be written after it, as data: checks and help follow from it
settings      what a test and the server are told
command       ``run``: from settings to an exit status
plan          what can be found wrong before a connection is opened
target        addresses to dial and to dial from
eureka        targets from a registry
tls           how TLS is checked
escapes       bytes as they are typed
ports         local ports of this machine
prompt        the question before anything is opened
dialer        dials in time, holds what is established
connection    one connection: dialing, established, closed, or failed
handshake     the steps until a connection counts as established
record        what happened, as counts and times
result        a test that is over, and its exit status
display       the status while it goes on
report        the statistics at the end, as text
summary       the same as data
plot          the same as a picture
server        ``server``: accepts connections and holds them
"""
