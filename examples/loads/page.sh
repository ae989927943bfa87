#!/bin/sh
# Any command can be a test: its exit status is the result.
#
#     loads-runner / -u 10 --hits 5 --server-url http://localhost:9200 --test-runner './page.sh {test}'
set -e
seconds=$(curl --silent --fail --show-error --output /dev/null --write-out '%{time_total}' "$LOADS_SERVER_URL$1")
echo "loads: request GET $1 $(echo "$seconds" | awk '{print $1 * 1000}') 200"
echo "loads: counter pages"
