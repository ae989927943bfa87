"""Compiled twins of the quick ways of protocols: C-level functions without I/O, allocation or the interpreter.

- `course`: what they know of a link between two chunks
- `numbers`: numbers, never beyond the bytes that there are
- `redis`, `http`, `memcache`, `mysql`, `postgres`: one protocol each

Each function gets whole chunks and either frames all of one or is unsure, and then has changed nothing.
"""
