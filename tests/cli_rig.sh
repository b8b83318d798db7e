# Sourced, from the project's root, by tests of the program as a user meets it. $suite: the name before each case.
# shellcheck shell=bash disable=SC2034,SC2154
espnic=$(realpath "${ESPNIC:-build/espnic}")
ESPNIC_PRESETS=$(realpath "${ESPNIC_PRESETS:-sim/presets}")
export ESPNIC_PRESETS
samples=$PWD/traces/samples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
cd "$work" || exit 1

verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >log 2>&1; then
        echo "ok $suite: $name"
    else
        echo "not ok $suite: $name"
        head -n 20 log | cut -c1-300 | sed 's/^/  | /'
        failed=1
    fi
}

# SUBCOMMAND PATTERN ARG...: exit status 2, nothing on stdout, a line of stderr matches.
refuses() {
    local subcommand=$1 pattern=$2
    shift 2
    "$espnic" "$subcommand" "$@" >out 2>err </dev/null
    local got=$?
    cat out err
    [ "$got" -eq 2 ] && [ ! -s out ] && grep -qE -- "$pattern" err
}
