#!/usr/bin/env bash
# The test runner counts what it is told: made-up tests, and the line and status they must give.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0

# NAME SUMMARY STATUS: the files named $work/NAME* are the tests; .sh are shell tests, others programs.
expect() {
    local said got
    chmod +x "$work/$1"* 2>/dev/null
    said=$(BUILD=$work/build V=0 bash tests/run.sh $(ls "$work/$1"* 2>/dev/null) 2>/dev/null)
    got=$?
    if [ "$(tail -n 1 <<<"$said")" = "$2" ] && [ "$got" -eq "$3" ]; then
        echo "ok $1"
    else
        echo "not ok $1: expected \"$2\" and status $3, got status $got and:"
        echo "$said"
        status=1
    fi
}

make_test() { # FILE LINE...
    printf '%s\n' '#!/bin/sh' "${@:2}" >"$work/$1"
}

make_test checks 'echo "100%: Checks: 5, Failures: 0, Errors: 0"' 'echo "100%: Checks: 2, Failures: 0, Errors: 0"'
expect checks '7 passed, 0 failed, 0 skipped' 0

make_test broken 'echo "40%: Checks: 5, Failures: 2, Errors: 1"' 'exit 1'
expect broken '2 passed, 3 failed, 0 skipped' 1

make_test skips 'echo "SKIP a: no data"' 'echo "SKIP a: no data"' 'echo "100%: Checks: 3, Failures: 0, Errors: 0"'
expect skips '2 passed, 0 failed, 1 skipped' 0

make_test lots 'for i in 1 2 3 4 5 6; do echo "SKIP $i: no data"; done'
expect lots '0 passed, 0 failed, 6 skipped' 0
if grep -q 'and 2 more of this test' <<<"$(BUILD=$work/build V=0 bash tests/run.sh "$work/lots")"; then
    echo 'ok lots are summed up'
else
    echo 'not ok lots are summed up'
    status=1
fi

make_test shell.sh 'echo "ok one"' 'echo "not ok two"' 'echo "SKIP three: no tool"'
expect shell '1 passed, 1 failed, 1 skipped' 1

make_test silent 'exit 0'
expect silent '0 passed, 1 failed, 0 skipped' 1

make_test crash 'echo "100%: Checks: 5, Failures: 0, Errors: 0"' 'kill -SEGV $$'
expect crash '5 passed, 1 failed, 0 skipped' 1

make_test many-1 'echo "100%: Checks: 1, Failures: 0, Errors: 0"'
make_test many-2.sh 'echo "ok one"' 'exit 3'
expect many '2 passed, 1 failed, 0 skipped' 1

# What a test came to cannot be written: the runner says so and ends.
make_test unwritable 'echo "100%: Checks: 1, Failures: 0, Errors: 0"'
mkdir -p "$work/build/tests/log$work/unwritable.log.ended.new" || exit 1
chmod +x "$work/unwritable"
said=$(BUILD=$work/build timeout 60 bash tests/run.sh "$work/unwritable" 2>&1)
got=$?
if [ $got -eq 1 ] && grep -q 'cannot be written' <<<"$said"; then
    echo 'ok unwritable'
else
    echo "not ok unwritable: status $got and:"
    echo "$said"
    status=1
fi

# PID: it is no more, or a zombie, within 10 s.
ended() {
    local i
    for ((i = 0; i < 100; i++)); do
        case $(ps -o stat= -p "$1") in '' | Z*) return 0 ;; esac
        sleep 0.1
    done
    return 1
}

# A signal ends the runner, the tests and what they have started.
for signal in INT TERM; do
    make_test "long-$signal.sh" "sleep 321 & echo \$! >$work/$signal.new; mv $work/$signal.new $work/$signal.pid; wait"
    BUILD=$work/build env --default-signal=INT bash tests/run.sh "$work/long-$signal.sh" >/dev/null 2>&1 &
    runner=$!
    for ((i = 0; i < 300; i++)); do [ -e "$work/$signal.pid" ] && break || sleep 0.1; done
    kill -"$signal" "$runner"
    wait "$runner" 2>/dev/null
    got=$?
    if { [ $got -eq 130 ] || [ $got -eq 143 ]; } && ended "$(cat "$work/$signal.pid")"; then
        echo "ok $signal ends the tests"
    else
        echo "not ok $signal ends the tests: status $got"
        kill "$(cat "$work/$signal.pid")"
        status=1
    fi
done

expect nothing '0 passed, 1 failed, 0 skipped' 1
exit $status
