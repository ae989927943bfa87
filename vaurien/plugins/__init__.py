"""What behaviors, protocols and toxics have in common.

- `options`: options as data, from which flags, checks and documentation are made
- `units`: durations, sizes and rates with units
- `distribution`: times that are drawn, from distributions
- `registry`: plug-ins by their names
- `installed`: those that packages bring
- `merged`: options that plug-ins of one kind declare for another kind
- `end`: the two ends of a link, as a plug-in sees them
- `decision`: what becomes of a request that was held
- `stage`: what a behavior is for
- `wire`: a wire with a limited rate, which several may share
- `handshake`: what becomes of a handshake of TLS
- `place`: where something breaks off in the middle
- `failures`: what becomes of an exception that a plug-in raises
"""
