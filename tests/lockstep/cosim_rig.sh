# Sourced by the tests of what espnic cosim takes, refuses and leaves behind; from the project's root.
export LC_ALL=C
espnic=$(realpath "${ESPNIC:-build/espnic}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ESPNIC_RTL_CACHE=${ESPNIC_RTL_CACHE:-$work/rtl}
failed=0

ok() { echo "ok $1"; }
not_ok() {
    cat "$work/out"
    echo "not ok $1"
    failed=1
}

# NAME, STATUS, PATTERN, ARGUMENTS of cosim: the run ends so and says that (an extended regular expression).
expect() {
    local name=$1 status=$2 pattern=$3
    shift 3
    "$espnic" cosim "$@" >"$work/out" 2>&1
    local got=$?
    if [ "$got" = "$status" ] && grep -qE "$pattern" "$work/out"; then
        ok "$name"
    else
        echo "status $got, expected $status and \"$pattern\""
        not_ok "$name"
    fi
}
# ... and the output has this line too.
also() {
    if grep -qE "$2" "$work/out"; then ok "$1"; else not_ok "$1"; fi
}
