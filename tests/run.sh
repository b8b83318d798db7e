#!/usr/bin/env bash
# Run test programs and shell tests, as many at a time as there are processors (TEST_JOBS says another
# number), show in their order what each came to, and end with one line: N passed, N failed, N skipped.
#
# usage: tests/run.sh PROGRAM... SCRIPT.sh...        (make test calls it, from the project root)
#
# A Check program says "100%: Checks: 5, Failures: 0, Errors: 0" (several such lines are added up).
# A shell test says "ok NAME", "not ok NAME" or "SKIP NAME: reason", one line a case.
# In either, a line "SKIP NAME: reason" is a case that did not run: it counts as skipped, never as
# passed, and is said again at the end. A program that exits non-zero without naming a failed case,
# or ends well without having run or skipped any, counts as one failure.
set -u
export LC_ALL=C
export CK_VERBOSITY=normal
# Check's own default of 4 s a case is too little for a busy machine.
export CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-120}
limit=${TEST_SECONDS:-1800}
logs=${BUILD:-build}/tests/log
passed=0 failed=0 skipped=0
bad=() skips=()

if [ $# -eq 0 ]; then
    echo "tests/run.sh: no test to run" >&2
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi

# Prints "passed failed skipped" for a log: $1 log, $2 kind (check or shell), $3 exit status.
count() {
    awk -v kind="$2" -v status="$3" '
        # A forked child may write again what its parent had buffered: a line counts once.
        /^SKIP / { if (!seen[$0]++) skip++; next }
        kind == "shell" && /^ok / { pass++ }
        kind == "shell" && /^not ok / { fail++ }
        kind == "check" && /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
            n = $3 + 0; f = $5 + $7; pass += n - f; fail += f
        }
        END {
            # A skipped case returns early and Check calls it passed.
            if (kind == "check" && pass > 0) { pass -= skip; if (pass < 0) pass = 0 }
            if (status != 0 && fail == 0) fail = 1
            if (status == 0 && pass + fail + skip == 0) fail = 1
            printf "%d %d %d\n", pass, fail, skip
        }' "$1"
}

tests=("$@")
jobs=${TEST_JOBS:-$(nproc)}

name_of() {
    local name=${1#"${BUILD:-build}"/tests/}
    echo "${name#tests/}"
}

# Runs one test; its log, and beside it, when it has ended, its exit status and how many seconds it took. Returns
# 125 if that cannot be written. A signal ends the test, and all that it has started: they are a group of timeout's.
run_one() {
    local log command child status began=$SECONDS
    log=$logs/$(name_of "$1").log
    case $1 in
    *.sh) command=(bash "$1") ;;
    *) command=("$1") ;;
    esac
    timeout -k 10 "$limit" "${command[@]}" >"$log" 2>&1 </dev/null &
    child=$!
    trap 'kill -TERM "$child"; wait "$child"; exit 143' TERM
    # The braces keep the shell's own word on a crash off the screen.
    { wait "$child"; } 2>/dev/null
    status=$?
    { echo "$status $((SECONDS - began))" >"$log.ended.new" && mv "$log.ended.new" "$log.ended"; } 2>/dev/null ||
        return 125
}

# Ends the tests that are running, and this program: $1 exit status, $2 why.
stop() {
    local pids
    trap '' INT TERM
    mapfile -t pids < <(jobs -pr)
    [ ${#pids[@]} -eq 0 ] || kill -TERM "${pids[@]}" 2>/dev/null
    wait
    echo "tests/run.sh: $2" >&2
    echo "$passed passed, $((failed + 1)) failed, $skipped skipped"
    exit "$1"
}

report() {
    local name log kind=check status seconds p f s verdict=ok
    name=$(name_of "$1")
    log=$logs/$name.log
    case $1 in *.sh) kind=shell ;; esac
    read -r status seconds <"$log.ended"
    read -r p f s < <(count "$log" "$kind" "$status")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [ "$s" -eq 0 ] || { [ "$p" -gt 0 ] || verdict=SKIP; }
    [ "$f" -eq 0 ] || verdict=FAIL
    printf '  %-4s %-44s %4d s %4d passed' "$verdict" "$name" "$seconds" "$p"
    [ "$f" -eq 0 ] || printf ', %d failed' "$f"
    [ "$s" -eq 0 ] || printf ', %d skipped' "$s"
    printf '\n'
    if [ "$f" -gt 0 ]; then
        bad+=("$name")
        sed 's/^/       | /' "$log"
        case $status in
        0) [ "$p" -ne 0 ] || echo "       it ended without running a test" ;;
        124 | 137) echo "       stopped after $limit s (or killed)" ;;
        *) echo "       exit status $status" ;;
        esac
    elif [ "${V:-0}" = 1 ]; then
        sed 's/^/       | /' "$log"
    fi
    # Of a test that skips many cases the first ones say why.
    while IFS= read -r line; do skips+=("$line"); done < <(grep '^SKIP ' "$log" | awk -v file="$log" '
        !seen[$0]++ && ++n <= 4
        END { if (n > 4) printf "     and %d more of this test: %s\n", n - 4, file }')
}

for test in "${tests[@]}"; do
    log=$logs/$(name_of "$test").log
    mkdir -p "$(dirname "$log")"
    rm -f "$log.ended"
done
trap 'stop 130 "interrupted"' INT
trap 'stop 143 "terminated"' TERM
started=0 running=0 shown=0
while [ "$shown" -lt ${#tests[@]} ]; do
    while [ "$running" -lt "$jobs" ] && [ "$started" -lt ${#tests[@]} ]; do
        run_one "${tests[started]}" &
        started=$((started + 1)) running=$((running + 1))
    done
    wait -n
    case $? in # 127: there is none to wait for, and yet one has not said that it has ended
    125 | 127) stop 1 "$logs: what a test came to cannot be written there" ;;
    esac
    running=$((running - 1))
    while [ "$shown" -lt "$started" ] && [ -e "$logs/$(name_of "${tests[shown]}").log.ended" ]; do
        report "${tests[shown]}"
        shown=$((shown + 1))
    done
done

if [ ${#skips[@]} -gt 0 ]; then
    printf '\nSkipped:\n'
    printf '  %s\n' "${skips[@]}"
fi
if [ ${#bad[@]} -gt 0 ]; then
    printf '\nFailed (output in %s):\n' "$logs"
    printf '  %s\n' "${bad[@]}"
fi
[ $((passed + failed + skipped)) -gt 0 ] || failed=1
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
