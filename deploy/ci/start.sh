#!/usr/bin/env bash
# Start proxies in the background of a job, and return when they serve: start.sh [FLAG ...]
#
# The flags are those of vaurien; the control API is on localhost:8080 unless they say otherwise. Prints where the proxy
# and the API are, the process and its log, as NAME=VALUE, each on a line. In a job of GitHub they are outputs of the
# step, and VAURIEN_URL is set for the next ones. If vaurien does not start, says why, with its exit status.
set -euo pipefail

place=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/vaurien-XXXXXX")
out=$place/out log=$place/log
touch "$out"

nohup vaurien --http "$@" >"$out" 2>"$log" </dev/null &
process=$!

for ((tries = 0; tries < 600; tries++)); do
    if grep -qx 'Ctrl-C ends' "$out"; then
        url=$(sed -n 's/^.*control API: //p' "$out")
        proxy=$(sed -nE 's/^vaurien [^ ]+: ([^ ]+) -> .*/\1/p' "$out" | head -n 1)
        printf '%s\n' "proxy=$proxy" "url=$url" "process=$process" "log=$log" | tee -a "${GITHUB_OUTPUT:-/dev/null}"
        echo "VAURIEN_URL=$url" >>"${GITHUB_ENV:-/dev/null}"
        exit
    fi
    if ! kill -0 "$process" 2>/dev/null; then
        status=0
        wait "$process" || status=$?
        cat "$log" >&2
        exit "$((status ? status : 1))"
    fi
    sleep 0.05
done

cat "$out" "$log" >&2
echo 'start.sh: vaurien has not started within 30 s' >&2
kill "$process"
exit 1
