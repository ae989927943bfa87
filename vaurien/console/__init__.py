"""What the seven commands have in common.

command      an error of ours is one line and an exit status
patching     a standard library that does not block
statuses     what the exit status of each says
asking       words that ask for help or for the version
parser       the command line
output       lines to standard output and error; terminals
drawing      whether there is what draws on a terminal
progress     how far a command has come
table        rows of values
percentiles  many values in a few
log          logging, in lines of text or of JSON
json_log     the latter
writer       writing that nobody waits for
background   the same for standard output and error
signals      Ctrl-C and SIGTERM
interrupting Ctrl-C while a command is being imported
limits       open files
files        files to be read and to be written
values       how many values a text may have
picture      pictures to be drawn
"""
