"""What behaviors, protocols and toxics have in common.

options   declared options, from which flags, checks, defaults and documentation come
merged    options that plug-ins of one kind declare for a plug-in of another kind
registry  the plug-ins of one kind, by name
end       the two ends of a link, as behaviors and protocols see them
failures  what becomes of an exception that a plug-in raises
"""
