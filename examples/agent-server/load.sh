#!/bin/sh
# Starts the agent server on a free port with a trail in a temporary folder, sends it hundreds of mixed requests, stops
# it, and looks at the trail: verified, nothing pending, and what is in it. Usage: load.sh [ROUNDS]
set -eu

cd "$(dirname "$0")/../.."
cargo build --release --bin agent-server --bin graven --package agent-server --package graven-cli
cargo build --release --package agent-server --example load
place=$(mktemp -d)
server=
stop() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
    rm -rf "$place"
}
trap stop EXIT

target/release/agent-server --listen 127.0.0.1:0 --trail "$place/trail" \
    --admin-token load-admin --user-token load-user > "$place/out" &
server=$!
until grep -q '^listening' "$place/out"; do
    kill -0 "$server"
    sleep 0.1
done
address=$(sed -n 's|^listening on http://||p' "$place/out")

target/release/examples/load "$address" load-admin load-user "${1:-3}"

kill -TERM "$server"
wait "$server"
server=
target/release/graven verify "$place/trail" --no-state
target/release/graven pending "$place/trail"
target/release/graven stats "$place/trail"
