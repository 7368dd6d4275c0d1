#!/bin/sh
# Feeds a target, or all of them, for some seconds each.
#
#   fuzz/run.sh TARGET|all SECONDS
set -eu

[ $# -eq 2 ] || { echo "usage: fuzz/run.sh TARGET|all SECONDS" >&2; exit 2; }
cd "$(dirname "$0")"
fuzz=$(sh ../scripts/cargo-tool.sh cargo-fuzz 0.13.2)
PATH=$(dirname "$fuzz"):$PATH
export PATH
# Targets write the file they are about to read; memory is quicker than a disk.
if [ -d /dev/shm ]; then TMPDIR=$(mktemp -d /dev/shm/dictoscope-fuzz.XXXXXX); else TMPDIR=$(mktemp -d); fi
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
targets=$1
if [ "$targets" = all ]; then targets=$(cargo +nightly fuzz list); fi
for target in $targets; do
    # The names in TARGETS of tests/bad_input/targets.rs, on one line or several.
    seeds=$(tr -d '\n' < ../tests/bad_input/targets.rs | grep -o "name: \"$target\",[^}]*" | grep -o '"[^"]*/[^"]*"' | tr -d '"' | sed 's|^|../|')
    for seed in $seeds; do
        mkdir -p "corpus/$target"
        # libFuzzer takes folders alone.
        if [ -f "$seed" ]; then cp "$seed" "corpus/$target/"; else cp "$seed"/* "corpus/$target/"; fi
    done
    mkdir -p "corpus/$target" "seeds/$target"
    echo "run.sh: $target for $2 s" >&2
    cargo +nightly fuzz run -s "${SANITIZER:-none}" "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$2" -rss_limit_mb=2048 -timeout=20 -max_len=65536 -print_final_stats=1
done
