"""What has happened on a proxy, and who is told.

observer     the interface of those who are told of links, requests and faults
faults       one fault, as data
fault_log    the last faults
proxy_log    the log of a proxy, whose lines have its name
entry        one exchange, as data
page         a part of a journal
counts       the numbers of a link
counters     the numbers of a proxy
histogram    how often a behavior or toxic was applied, and for how long it held things
exponential  the buckets of a native histogram of Prometheus
times        how long exchanges take
status       what is shown of proxies, links, rules and toxics
origin       what was changed, and by whom
"""
