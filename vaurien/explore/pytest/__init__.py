"""Explores tests of pytest.

plugin       what the flags ask for, as plug-ins
exploring    the plug-in of the process that runs tests
summary      the plug-in of the process that has the terminal
item_runner  runs one test again and again
proxies      the proxies of a test: what they inject during its call, and what they have seen
backends     proxies in the way of what variables of the environment name
asker        who has sent a request
limiter      ends a test that takes too long
failures     what an exception says
"""
