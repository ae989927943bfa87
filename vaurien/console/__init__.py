"""What the seven commands stand on: each of these things is here once.

command      errors to exit statuses
parser       the command line
output       lines to standard output and error; terminals
table        rows of values
percentiles  many values in a few
log          logging
signals      Ctrl-C and SIGTERM
limits       open files
files        files to be written
picture      pictures to be drawn
"""
