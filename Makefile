# The commands to remember; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run test compare fuzz api check bench deb setup-test

LISTEN ?= 127.0.0.1:8443
DATA ?= data
UI_SOURCES := $(shell find ui/src ui/index.html ui/package.json ui/package-lock.json ui/*.ts ui/*.js -type f 2>/dev/null)

help: ## list these commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: ui/dist/index.html ## build and run the appliance here (LISTEN=127.0.0.1:8443 DATA=data)
	cargo run --release --bin onemonitor -- serve --listen $(LISTEN) --data-dir $(DATA)

ui/node_modules/.package-lock.json: ui/package-lock.json
	cd ui && npm ci --no-audit --no-fund --loglevel=error

ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	cd ui && npm run build

setup-test:
	@.ci/setup

test: setup-test ui/dist/index.html ## install what the tests need, then run all of them
	cd ui && npm run check && npm test
	cargo build --bin onemonitor
	cargo test --workspace
	cd ui && npm run e2e

compare: setup-test ui/dist/index.html ## ask Debian's Prometheus and ourselves the same, print every difference
	cargo test --test integration compare_with_prometheus -- --nocapture

fuzz: ## feed every decoder with damaged bytes (TIME=60 seconds each, TARGETS=all)
	TIME=$(or $(TIME),60) src/fuzz/run $(TARGETS)

api: ## write the API document and the UI's types again
	UPDATE=1 cargo test --test integration the_committed_copy_is_true
	cd ui && npm run api

check: ui/dist/index.html ## formats, lints, licences; no tests
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check bans licenses sources
	cd ui && npm run check

bench: ui/dist/index.html ## measure every figure that the documents state
	cargo bench -p om-records
	cargo bench -p om-series
	.ci/setup victoria-metrics
	cargo bench --bench ingest
	packaging/bench/figures.sh

deb: ui/dist/index.html ## build the Debian package into target/debian
	packaging/deb/build.sh
