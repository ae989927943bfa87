"""What the plug-in for pytest stands on.

- `proxies`: the proxies that fixtures have started, and what is told of them when a test fails
"""
