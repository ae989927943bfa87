"""Shows what exploring has found: in a terminal, on a page, to programs.

score       how many faults were survived, tried and possible
findings    what is to be mended: cells that belong together
words       the same in sentences, and what helps
baseline    findings that are accepted, and why
matrix      requests down, faults across, a letter in each cell
terminal    a matrix for each test and the findings, as text
records     explore.json, written and read
sequences   the exchanges of a clean and of a faulty run side by side
elements    the data of what every page shows
document    one file of HTML that loads nothing
page        the page of a report
resilience  the page of `vaurien report`
sarif       findings beside lines of code, for editors and code hosts
junit       findings beside tests, for what reads reports of tests
report      the directory of a report
"""
