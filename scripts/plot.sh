#!/usr/bin/env bash
# Draw the report of conntest that REPORT_FILE names, or that is asked for, as roundtrip-plot.png.
#
#     REPORT_FILE=report.json bash scripts/plot.sh
set -euo pipefail

if [ -z "${REPORT_FILE:-}" ]; then
    read -r -p 'The path of the report: ' REPORT_FILE
fi
exec conntest plot "$REPORT_FILE" -o roundtrip-plot.png
