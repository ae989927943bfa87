"""``conntest``: does what a client sends arrive, and how long does it take? A client, and a server that keeps records.

main        the command
flags       its command line
plan        the settings that a test group is created from
messages    groups, runs, results and reports, as they travel
timestamps  timestamps with nanoseconds
urls        the URLs that can be asked

server      ``server``: the HTTP server
app         its API
store       the groups and runs that it keeps, within limits
upstream    the URL that it fetches for a run

run         ``client`` and ``run``: a whole test
client      the runs of a group, each started in time
connection  one kept-alive connection, and one run on it
remote      the other requests to the server
progress    the progress bar
report      the comparison of both records

summary     ``summary``: a report in a few lines
plot        ``plot``: a report as a picture
"""
