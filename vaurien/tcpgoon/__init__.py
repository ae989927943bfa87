"""``tcpgoon``: how many connections does a server hold? It opens many, keeps them open and reports what happened.

main          the command and its sub-commands
flags         their command lines
settings      the settings of a test and of the server
command       ``run``: from settings to an exit status
plan          everything that can be checked before a connection is opened
target        the addresses to connect to and from
eureka        targets from a Eureka registry
ports         the local ports of this machine
prompt        the question before a test

dialer        dials connections in time, and holds them
connection    one connection
handshake     the steps until a connection is established
record        counts and times
result        a test that is over, and its exit status

display       the status during a test
report        the statistics at the end, as text
summary       the statistics at the end, as data
plot          the statistics at the end, as a picture
server        ``server``: a server that accepts connections and holds them
"""
