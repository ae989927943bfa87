#!/bin/sh
# A test of a shop as a command: script.sh test, script.sh broken, ...
set -e
case "$1" in
    test)
        curl --silent --fail "$LOADS_SERVER_URL/ok" >/dev/null
        echo "loads: counter hit"
        echo "loads: counter bytes 12"
        echo "loads: request GET /ok 3.5 200"
        echo "loads: request GET /broken 7 503"
        echo "loads: what is this"
        echo "$LOADS_USER $LOADS_HIT $LOADS_AGENT $LOADS_PROJECT_NAME" >>"$NOTES"
        ;;
    broken)
        echo "the first line" >&2
        echo "no such order" >&2
        exit 3
        ;;
    killed) kill -9 $$ ;;
    leaving)
        trap "" TERM  # what it starts ignores it, too
        sleep 3600 >/dev/null 2>&1 &
        echo "$!" >>"$NOTES"
        ;;
    endless)
        echo begun >>"$NOTES"
        sleep 3600
        ;;
esac
