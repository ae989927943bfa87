"""``conntest``: does what I send arrive, and how long does it take? A client, and a server that keeps what it was sent.

main        the command
flags       what can be written after it
plan        what a test group is created from
messages    groups, runs, results and the report, field by field as they travel
moments     times with nanoseconds, as texts
urls        which URLs will do

server      ``server``: the HTTP server
app         its API
store       what it keeps, within bounds
upstream    what it fetches

run         ``client`` and ``run``: a whole test
client      the runs of a group, in time
connection  one kept-alive connection, and one run over it
remote      everything else that is asked of the server
progress    how far it is, while it goes on
report      the two records compared, written and read

summary     ``summary``: a report in a few lines
plot        ``plot``: a report as a picture
"""
