"""An extension of the Chaos Toolkit: functions for the provider ``python`` of its experiments.

actions   what an experiment does to a proxy
probes    what it asks of a proxy
reaching  the client that it means

They ask the control API that ``vaurien_url`` names in the configuration of the experiment, with ``token`` in its
secrets, or else with what `Client` finds in the environment. What the API rejects makes the activity fail, with its
text.
"""
