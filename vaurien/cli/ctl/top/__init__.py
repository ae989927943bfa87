"""The command ``top``: what goes through the proxies now.

board    what is shown: events in, rows out
once     what is printed once
screen   what is drawn on a terminal
keys     the keys of a terminal, which is left as it was
acts     what keys do with the selected proxy
watch    all of it on a terminal, until a key ends it
command  the command itself
"""
