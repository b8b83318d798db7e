#!/usr/bin/env bash
# Run libFuzzer programs one after the other for SECONDS_EACH seconds (make fuzz calls it).
# New inputs go to build-fuzz/corpus/NAME, beside the seeds of tests/fuzz/corpus/NAME; a crashing
# input is kept in build-fuzz and its name is printed.
set -eu
: "${SECONDS_EACH:=20}"
failed=0
for program in "$@"; do
    name=${program##*/fuzz_}
    found=build-fuzz/corpus/$name
    seeds=tests/fuzz/corpus/$name
    mkdir -p "$found"
    log=build-fuzz/$name.log
    dict=()
    [ ! -f "tests/fuzz/$name.dict" ] || dict=(-dict="tests/fuzz/$name.dict")
    [ -d "$seeds" ] || seeds=
    # shellcheck disable=SC2086  # an absent folder of seeds is no argument
    if "$program" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/$name-" ${dict[@]+"${dict[@]}"} "$found" $seeds >"$log" 2>&1; then
        executions=$(awk '/number_of_executed_units/ { print $NF }' "$log")
        printf '  %-24s no crash in %s inputs\n' "$name" "${executions:-?}"
    else
        printf '  %-24s FAILED\n' "$name"
        tail -n 40 "$log" | sed 's/^/       | /'
        failed=1
    fi
done
exit $failed
