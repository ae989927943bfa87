"""Toxiproxy's dialect, the whole of it: fields, answers and refusals of its API, and JSON as Go writes it."""
