"""The same program runs against a server that fails, and against a healthy one behind an error that was made up.

What the program sees, and what is in the server afterwards, has to be the same.
"""
