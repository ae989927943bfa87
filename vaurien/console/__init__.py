"""What the seven commands have in common.

command      an error of ours is one line and an exit status
patching     a standard library that does not block
parser       the command line
output       lines to standard output and error; terminals
table        rows of values
percentiles  many values in a few
log          logging
writer       writing that nobody waits for
background   the same for standard output and error
signals      Ctrl-C and SIGTERM
limits       open files
files        files to be read and to be written
values       how many values a text may have
picture      pictures to be drawn
"""
