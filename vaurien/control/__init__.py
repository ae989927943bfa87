"""The control API of the proxies of a process, over HTTP. Toxiproxy's half of it is in `vaurien.toxiproxy`.

server           the HTTP server
app              the WSGI application: middleware, error handlers, routes
routes           every path, and the resource that responds there
sources          what all of it is about: the proxies, and what stands beside them
middleware       what happens before and after every responder
api              the responders of Vaurien's own paths
body             the bodies that they take
query            the parameters that they take
answers          the bodies that they give, as types
option_list      the options of behaviors and the attributes of toxics, as two of these answers list them
error_responses  the table of errors, and the answer to each
health           the responders of /health and /ready
metrics          the responder of /metrics, and every metric of it
metric_family    what a metric is
protobuf         the format of metrics that has native histograms
schedule         the responders of /schedule
journal          what is asked of the journal, and the lines of those who follow it
page             the responders of /ui, whose files are in ui/
matching         the responder of /match
authority        the responder of /tls/ca.pem
openapi          the responder of /openapi.json
operation        what a responder takes and gives, for that description
schemas          JSON Schemas of Vaurien's bodies
json_schema      JSON Schemas of types and of options
"""
