"""Rules: which faults meet which exchanges and streams.

grammar    the text that arms rules, as a grammar alone: ``20:error(match='SET *'),10:delay``
match      which requests a rule is for: patterns and ordinal numbers
masking    the text of a request without what differs from run to run
limits     these, and the other limits of a rule: how often, and for how long
regex      regular expressions in linear time
rule       a rule: a behavior, its percent, its options, its counters
behaviors  rules from texts, lists and options; and the text of rules
blocks     blocks that arm something, and put back what was armed before
report     what rules have done, in lines for people
decision   what is decided of a request that is held
selector   the draw: which rule an exchange gets
toxics     rules for streams: toxics, from texts, mappings and arguments
"""
