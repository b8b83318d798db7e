#!/bin/bash
# The long form of the bench: memory and speed from 10^5 to 10^7 packets.
set -euo pipefail
bench=$BUILD/tests/bench/bench_run
make --no-print-directory BUILD="$BUILD" "$bench"
exec "$bench" --long
