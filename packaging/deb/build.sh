#!/usr/bin/env bash
# Builds the Debian package: the release binary, its manual page and completions, then cargo-deb.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v cargo-deb >/dev/null || cargo install --locked cargo-deb
cargo build --release --bin onemonitor
out=target/deb
mkdir -p "$out"
target/release/onemonitor man | gzip -9n >"$out/onemonitor.1.gz"
gzip -9nc CHANGELOG.md >"$out/changelog.gz"
for shell in bash zsh fish; do
  target/release/onemonitor completions "$shell" >"$out/onemonitor.$shell"
done
cargo deb --no-build --output target/debian/
