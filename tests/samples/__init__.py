"""Plug-ins of somebody else's, for tests of `callable`, `register` and the data plane."""
