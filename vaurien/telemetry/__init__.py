"""What Vaurien tells a collector of OpenTelemetry: spans of exchanges, metrics and the log, over OTLP and HTTP.

spans      a span of an exchange
metrics    the metrics of Prometheus, as OpenTelemetry has them
records    the log
senders    what sends them, and says once if it cannot
telemetry  all of it, from the start to the end of a process
"""
