"""The dialect of Toxiproxy: its HTTP API, its configuration file, its metrics.

api              the responders
answers          the bodies that they give, as types
lifecycle        creating, changing and deleting proxies as the API does
fields           proxies and addresses as the API and the file write them
toxics           toxics, likewise
gojson           JSON as Go reads and writes it
error_responses  errors as the API answers them
middleware       what comes before every responder
metrics          Toxiproxy's two metrics
operations       what the responders take and give, for OpenAPI
schemas          JSON Schemas of the bodies that they take
"""
