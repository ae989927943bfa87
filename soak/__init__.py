"""The soak: real clients and servers through the proxy for a long time, while faults come and go.

Each kind of server stands behind two proxies, one of its own protocol and one of `tcp`. On every proxy faults are armed
and removed at random. What clients get back is compared by hash with what they should get, and after each round the
process must hold no more descriptors, and little more memory, than before.

- `clients` has the clients: how to connect, and how to make one exchange whose result is known.
- `faults` arms and removes faults, and knows which were armed while an exchange ran.
- `worker` makes exchanges and compares.
- `rounds` starts all of it, round by round, and looks at the process in between.
"""
