#!/usr/bin/env bash
# The command line: help, unknown words, exit statuses, presets found and shown, --set, full disks.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

ok() { echo "ok cli: $1"; }
not_ok() {
    echo "not ok cli: $1"
    sed 's/^/  | /' "$work/out" "$work/err"
    failed=1
}

# expect NAME STATUS WHERE PATTERN ARG...: run espnic ARG...; its exit status is STATUS, and a line of
# WHERE (out or err) matches the extended regular expression PATTERN.
expect() {
    local name=$1 status=$2 where=$3 pattern=$4
    shift 4
    "$espnic" "$@" >"$work/out" 2>"$work/err" </dev/null
    local got=$?
    if [ "$got" -ne "$status" ]; then
        echo "exit status $got, expected $status" >>"$work/err"
        not_ok "$name"
    elif ! grep -qE -- "$pattern" "$work/$where"; then
        echo "no line of std$where matches: $pattern" >>"$work/err"
        not_ok "$name"
    elif [ "$status" -eq 2 ] && [ -s "$work/out" ]; then
        echo "a refused command wrote to stdout" >>"$work/err"
        not_ok "$name"
    else
        ok "$name"
    fi
}

expect "no command" 2 err 'no command given'
expect "--help" 0 out '^usage: espnic COMMAND' --help
expect "-h" 0 out '^examples:' -h
expect "help" 0 out '^exit status: 0 done' help
expect "help of a command" 0 out '^usage: espnic preset list' help preset
expect "help of an unknown command" 2 err 'unknown command "presett", did you mean preset\?' help presett
expect "--version" 0 out '^espnic [0-9]+\.[0-9]+\.[0-9]+$' --version
expect "unknown command" 2 err 'unknown command "raport", did you mean report\?' raport
expect "unknown command far from all" 2 err 'unknown command "xyzzy"$' xyzzy
expect "option before a command" 2 err 'unknown option --set before a command' --set a=b
for command in preset report; do
    expect "$command --help" 0 out "^usage: espnic $command" $command --help
    expect "$command -h" 0 out '^examples:' $command -h
done
expect "unknown option" 2 err 'unknown option --jsn, did you mean --json\?' preset list --jsn
expect "unknown letter" 2 err 'unknown option -x' preset list -x
expect "value for a flag" 2 err 'option --json takes no value' preset list --json=yes
expect "missing value" 2 err 'option --set needs a value: --set PATH=VALUE' preset show x --set
expect "unknown verb" 2 err 'found "lst", expected list or show' preset lst
expect "verb alone" 2 err 'expected list or show NAME' preset
expect "show without a name" 2 err 'show needs the name of a preset' preset show
expect "too many words" 2 err 'one argument too many: "b"' preset show a b c
expect "report without --describe" 2 err 'expected --describe' report
expect "report --describe" 0 out '^  capacity ' report --describe
expect "report --describe --json" 0 out '"help": "' report --describe --json

mkdir "$work/presets"
export ESPNIC_PRESETS=$work/presets
printf 'description: one to test with\n' >"$work/presets/plain-test.yaml"
printf 'workload: {loop: 2}\n' >"$work/presets/wrong-test.yaml"
"$espnic" preset list >"$work/out" 2>"$work/err"
if [ $? -eq 2 ] && grep -q '^plain-test' "$work/out" && ! grep -q wrong-test "$work/out" &&
    grep -q 'wrong-test.yaml:1:1: found workload in a preset' "$work/err"; then
    ok "preset list names what is wrong"
else
    not_ok "preset list names what is wrong"
fi
rm "$work/presets/wrong-test.yaml"
expect "preset list" 0 out '^plain-test +one to test with$' preset list
expect "preset list --json" 0 out '"name": "plain-test"' preset list --json
expect "preset show" 0 out '^plain-test: one to test with$' preset show plain-test
expect "preset show counts what it hides" 0 out '^[0-9]+ parameters have their defaults' preset show plain-test
expect "preset show --all" 0 out '^stop\.time +0ps +default ' preset show plain-test --all
expect "preset show --set" 0 out '^stop\.time +2\.5ms +user ' preset show plain-test --set stop.time=2500us
expect "preset show --set=" 0 out '^stop\.time +1us +user ' preset show --set=stop.time=1us plain-test
expect "last --set wins" 0 out '^stop\.time +3us +user ' preset show plain-test --set stop.time=1us \
    --set stop.time=3us
expect "wrong --set" 2 err '^espnic: --set: unknown key stop\.tme, did you mean stop\.time\?$' \
    preset show plain-test --set stop.tme=1us
expect "--set without =" 2 err '^espnic: --set: found "stop\.time", expected path=value' \
    preset show plain-test --set stop.time
expect "preset show --json" 0 out '"value": "1us"' preset show plain-test --json --set stop.time=1us
expect "unknown preset" 2 err 'found "plane-test", which is not a known preset \(did you mean plain-test\?\)' \
    preset show plane-test
expect "preset by file name" 0 out 'one to test with' preset show "$work/presets/plain-test.yaml"

"$espnic" preset show plain-test --all --json >"$work/first" 2>/dev/null
(cd "$work" && "$espnic" preset show plain-test --all --json) >"$work/second" 2>/dev/null
if [ -s "$work/first" ] && cmp -s "$work/first" "$work/second"; then
    ok "same bytes from another folder"
else
    not_ok "same bytes from another folder"
fi

if [ -w /dev/full ]; then
    "$espnic" --help >/dev/full 2>"$work/err"
    status=$?
    : >"$work/out"
    if [ "$status" -eq 2 ] && grep -q 'cannot write to standard output' "$work/err"; then
        ok "full disk"
    else
        not_ok "full disk"
    fi
else
    echo "SKIP cli: full disk: no /dev/full"
fi
exit $failed
