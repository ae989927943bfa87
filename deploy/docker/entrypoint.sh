#!/bin/sh
# Start vaurien in a container, where clients come from outside: entrypoint.sh [FLAG ...], or COMMAND [ARGUMENT ...].
#
# - The proxy listens on every address, port 8000, unless flags or a file say otherwise.
# - The control API has port 8474. It listens on every address if there is a token: in VAURIEN_TOKEN, in
#   TOXIPROXY_AUTH_TOKEN, or as a flag. Whoever reaches the API can send clients elsewhere, so without a token it
#   listens on localhost, which is this container alone, and the first line of the log says so.
# - What VAURIEN_PROXY and the other variables of vaurien say has its place.
# - Unless flags or variables name a backend, a proxy or a file, it is `vaurien --server`: clients create the proxies.
# - Flags behind these have the last word: `--http-host 0.0.0.0` opens the API without a token.
set -eu

case ${1:---} in
    -h | --help | -V | --version) exec vaurien "$@" ;;
    -*) ;;
    *) exec "$@" ;; # another command of the image, such as vaurienctl, or a shell
esac

TOXIPROXY_AUTH_TOKEN=${TOXIPROXY_AUTH_TOKEN:-${VAURIEN_TOKEN:-}}
export TOXIPROXY_AUTH_TOKEN

# Kubernetes sets this one, for a service called vaurien-http: to tcp://10.0.0.7:8080.
case ${VAURIEN_HTTP_PORT:-} in
    *://*) unset VAURIEN_HTTP_PORT ;;
esac

proxy=--proxy=${VAURIEN_PROXY:-0.0.0.0:8000}
server=${VAURIEN_SERVER:-}
case $server in [Ff][Aa][Ll][Ss][Ee] | [Nn][Oo] | [Oo][Ff][Ff]) server= ;; esac
files=${VAURIEN_CONFIG:-}$server${VAURIEN_TOXIPROXY_CONFIG:-}
[ -z "$files" ] || proxy=
named=$files${VAURIEN_BACKEND:-}${VAURIEN_PROXY:-}
token=$TOXIPROXY_AUTH_TOKEN${VAURIEN_API_TOKEN:-}
chosen=${VAURIEN_HTTP_HOST:-}
for word; do
    case $word in
        --backend | --backend=* | --demo) named=yes ;;
        --proxy | --proxy=* | --config | --config=* | --server | --server=* | --toxiproxy-config*) proxy='' named=yes ;;
        --api-token | --api-token=*) token=given ;;
        --http-host | --http-host=*) chosen=yes ;;
    esac
done

[ -n "$named" ] || {
    proxy=
    set -- --server "$@"
}

host=${VAURIEN_HTTP_HOST:-0.0.0.0}
if [ -z "$token$chosen" ]; then
    host=localhost
    echo 'The control API listens on localhost, in this container alone: set VAURIEN_TOKEN to reach it from elsewhere' >&2
fi

# shellcheck disable=SC2086 # nothing, or one word
exec vaurien $proxy --http --http-host="$host" --http-port="${VAURIEN_HTTP_PORT:-8474}" "$@"
