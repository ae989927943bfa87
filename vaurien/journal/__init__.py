"""The journal of a run: every exchange with its fault, kept, written to a file, and injected again.

lines    the lines of a file: entries, and what stands between them
file     the file that is written, and its rotation
reading  the entries in a file, or in the two that a rotation has made of it
kept     the last entries
journal  where entries go
replay   the faults of a journal at work again
"""
