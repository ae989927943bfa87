#!/usr/bin/env bash
# Plot a report of conntest as roundtrip-plot.png. If REPORT_FILE does not name the report, ask for its path.
#
#     REPORT_FILE=report.json bash scripts/plot.sh
set -euo pipefail

if [ -z "${REPORT_FILE:-}" ]; then
    read -r -p 'The path of the report: ' REPORT_FILE
fi
exec conntest plot "$REPORT_FILE" -o roundtrip-plot.png
