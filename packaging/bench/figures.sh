#!/usr/bin/env bash
# Measures what the documents state about the program as a whole: size, start, memory, first load.
# IDLE_S: how long the server rests before its memory is read (600).
set -euo pipefail
cd "$(dirname "$0")/../.."
idle_s=${IDLE_S:-600}
runs=5
cargo build --release --bin onemonitor
binary=target/release/onemonitor
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; rm -rf "$work"' EXIT

start() { # start DIR; waits for the line that says it is ready
  ONEMONITOR_ADMIN_PASSWORD='a long enough password' "$binary" serve --data-dir "$1" \
    --listen 127.0.0.1:0 >"$work/out" 2>"$work/log" &
  pid=$!
  until grep -q '^listening on' "$work/out"; do
    kill -0 "$pid" || { cat "$work/log"; exit 1; }
    sleep 0.002
  done
}
stop() { kill -TERM "$pid"; wait "$pid" || true; pid=; }
median() { sort -n | sed -n "$(((runs + 1) / 2))p"; }

echo "binary: $(stat -c %s "$binary") bytes"
for run in $(seq "$runs"); do
  before=$(date +%s%N)
  start "$work/fresh-$run"
  echo $((($(date +%s%N) - before) / 1000000))
  stop
done | median | sed 's/^/start to ready, empty directory, ms (median of 5): /'

start "$work/idle"
sleep "$idle_s"
awk '/VmRSS/ {printf "resident memory after '"$idle_s"' s, MiB: %.1f\n", $2 / 1024}' "/proc/$pid/status"
awk '{printf "CPU seconds in that time: %.2f\n", ($14 + $15) / 100}' "/proc/$pid/stat"
stop

index=ui/dist/index.html
bytes=$(gzip -9c "$index" | wc -c)
for asset in $(grep -oE '(src|href)="/assets/[^"]+"' "$index" | cut -d'"' -f2); do
  bytes=$((bytes + $(gzip -9c "ui/dist$asset" | wc -c)))
done
echo "first load of the UI, gzip bytes: $bytes"
