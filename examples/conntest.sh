#!/usr/bin/env bash
# Run conntest through a proxy that makes one request in ten fail, and show what the client sees.
#
#     bash examples/conntest.sh
#
# It leaves report.json and roundtrip.png in the current directory.
set -euo pipefail

server=localhost:${SERVER_PORT:-8080}
proxy=localhost:${PROXY_PORT:-8000}
control=localhost:${CONTROL_PORT:-8001}

trap 'kill $(jobs -p)' EXIT
conntest server --host localhost --port "${server#*:}" &
vaurien --backend "$server" --proxy "$proxy" --protocol http --behavior 5:error,5:blackout --seed 1 \
    --http --http-port "${control#*:}" --log-level warning &
for port in "${server#*:}" "${control#*:}"; do
    until (: </dev/tcp/localhost/"$port") 2>/dev/null; do sleep 0.1; done
done

# What does the client see? Its exit status is 1 if any run failed, as here.
status=0
conntest run --remote "http://$proxy" --run-count 200 --concurrency 4 --report report.json || status=$?
[ "$status" -eq 1 ]

# What did the proxy do?
vaurienctl --host "$control" status | grep '^faults'

# The runs that failed, and a picture of all runs.
conntest summary report.json
conntest plot report.json -o roundtrip.png
