"""Settings from what people write: a configuration file, flags over it, and every mistake with its place.

files   a file as a tree of values: INI, TOML or YAML
yaml_loader  YAML with a limit of values
toml_lines  the line of each value in TOML
source  the values of a file, or of the flags, by section and key
keys    the keys that each section may have, and their types
values  the value of one key
arguments  settings that a program gives as arguments
schemes  what the schemes of URLs stand for
connection_string  where a text, such as a URL, says where backends are
backend_url  the URL of a backend, which also names its protocol
schedules  schedules, in files of their own or in a section
build   the settings that sources make, one over the other
reload  what has changed in them, for proxies that run
"""
