# The two commands of the README are `make run` and `make test`. CI calls `make test`.
# On Debian and Ubuntu `setup` installs what is missing; elsewhere it says what is needed and goes on.

CARGO ?= cargo
BENCH_FILE ?= assets/clips/story.flac
BENCH_ARGS ?=

.PHONY: help run test setup setup-test check fmt clippy doc unit bench parity

help:
	@echo "make run         install what is missing, build, open the window"
	@echo "make test        install what the tests need, then make check"
	@echo "make check       formatting, clippy, documentation, tests; warnings are errors"
	@echo "make setup       system packages for building and running (Debian, Ubuntu)"
	@echo "make setup-test  the same with those of the tests"
	@echo "make bench       time per hop, latency and memory on a recording"
	@echo "make parity      rten against PyTorch on the shipped recordings: a table of differences"

run: setup
	$(CARGO) run --release

test: setup-test
	$(MAKE) --no-print-directory check

setup:
	@sh scripts/setup-debian.sh run

setup-test:
	@sh scripts/setup-debian.sh test

# The quick ones first.
check: fmt clippy doc unit

fmt:
	$(CARGO) fmt --check

clippy:
	$(CARGO) clippy --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items

unit:
	$(CARGO) test

bench: setup
	$(CARGO) run --release -- bench $(BENCH_FILE) $(BENCH_ARGS)

# The engine against PyTorch on the shipped recordings; 2.8 GB of packages on the first run.
PROGRAM ?= target/release/dictoscope
parity: setup
	$(CARGO) build --release
	@sh scripts/parity.sh $(PROGRAM)
