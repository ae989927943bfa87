"""Pieces that protocols are made of: marks, heads, lines, packets, error replies. No socket, no clock."""
