"""The page of the control API, in a real browser, over a running command in front of real backends."""
