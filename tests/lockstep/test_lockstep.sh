#!/usr/bin/env bash
# C and RTL side by side: every block of `espnic cosim --list` for the first one or two sets of block.sets, each run twice with the
# same output. What is refused is refused; without the tools it says which; what is installed works by itself.
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
espnic=$(realpath "${ESPNIC:-build/espnic}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ESPNIC_RTL_CACHE=${ESPNIC_RTL_CACHE:-$work/rtl}
mkdir -p "$ESPNIC_RTL_CACHE"
cycles=${CYCLES:-100000}
failed=0

ok() { echo "ok $1"; }
not_ok() {
    echo "not ok $1"
    failed=1
}

# What a user without the tools sees: a PATH with all that the script needs before it looks for them.
without() {
    local hidden=$1 tool
    rm -rf "$work/bin"
    mkdir "$work/bin"
    for tool in bash dirname make verilator g++; do
        [ "$tool" = "$hidden" ] || ln -sf "$(command -v "$tool" || echo /bin/true)" "$work/bin/$tool"
    done
    PATH=$work/bin ESPNIC_RTL_CACHE=$work/none "$espnic" cosim esn_replay --cycles 1 >"$work/out" 2>&1
    if [ $? = 2 ] && grep -q "^$hidden is missing.*Debian packages verilator, g++" "$work/out"; then
        ok "without $hidden: says which packages to install"
    else
        cat "$work/out"
        not_ok "without $hidden: says which packages to install"
    fi
}
without verilator
without g++

# Parameters beyond their range: the program says so, exit status 2.
range() {
    "$espnic" cosim "$@" --cycles 1 >"$work/out" 2>&1
    if [ $? = 2 ] && grep -qE "expected (a power of two from )?[0-9]+ to [0-9]+" "$work/out"; then
        ok "refused: $*"
    else
        cat "$work/out"
        not_ok "refused: $*"
    fi
}
range esn_replay --param WINDOW=8192
range esn_sequence --param RMW=65
range csr --param TABLES=2
range esn_replay --param WINDOW=100
range sa_table --param BUCKETS=24

# SAs that come by commands have no place in a run whose SAs are set by pins.
"$espnic" cosim top --garbage 10 --param SA_TABLE=1 >"$work/out" 2>&1
if [ $? = 2 ] && grep -q "SA_TABLE: found 1, expected 0 with --garbage" "$work/out"; then
    ok "refused: --garbage with SA_TABLE"
else
    cat "$work/out"
    not_ok "refused: --garbage with SA_TABLE"
fi

missing=
for tool in verilator g++ make; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    echo "SKIP blocks against their RTL: no$missing"
    exit "$failed"
fi

# ... and within the range, but not allowed: the RTL says so when it is made. BLOCK, PARAMETER, what it says.
elaboration() {
    if ! bash rtl_models/verilate.sh "$1" "$ESPNIC_RTL_CACHE/refused.so" "$2" >"$work/out" 2>&1 && grep -q "$3" "$work/out"; then
        ok "refused by the RTL: $1 $2"
    else
        cat "$work/out"
        not_ok "refused by the RTL: $1 $2"
    fi
}
elaboration esn_replay WINDOW=100 "WINDOW is 100, must be a power of two from 32 to 4096"
elaboration esn_sequence MTU=100 "MTU is 100, must be 576 to 65535"
run_twice() {
    local block=$1 setting params=()
    for setting in $2; do params+=(--param "$setting"); done
    "$espnic" cosim "$block" --cycles "$cycles" --seed 7 "${params[@]}" >"$work/first" 2>&1
    local status=$?
    "$espnic" cosim "$block" --cycles "$cycles" --seed 7 "${params[@]}" >"$work/second" 2>&1
    if [ "$status" = 0 ] && grep -q "^$block: $cycles cycles, no difference" "$work/first"; then
        ok "$block ${2:-as it is}: $cycles cycles"
    else
        cat "$work/first"
        not_ok "$block ${2:-as it is}: $cycles cycles"
    fi
    if cmp -s "$work/first" "$work/second"; then
        ok "$block ${2:-as it is}: the same again"
    else
        diff "$work/first" "$work/second"
        not_ok "$block ${2:-as it is}: the same again"
    fi
}

blocks=$("$espnic" cosim --list | sed -n 's/^\([a-z_0-9]*\): .*/\1/p')
for block in $blocks; do
    # The pipelines take long to make: one set, of the whole one without and one with the table.
    case $block in esp_*) sets=1 ;; *) sets=2 ;; esac
    if ! grep -q "^$block|" tests/lockstep/block.sets; then
        not_ok "$block: no line in block.sets"
    fi
    while IFS='|' read -r _ settings; do
        run_twice "$block" "$settings"
    done < <(grep -m "$sets" "^$block|" tests/lockstep/block.sets)
done

# As a user installs it, away from the sources.
if make -s --no-print-directory install "BUILD=${BUILD:-build}" DEPS=0 PREFIX=/usr "DESTDIR=$work/root" >"$work/out" 2>&1 &&
    (cd / && "$work/root/usr/bin/espnic" cosim esn_sequence --cycles 50000) >"$work/out" 2>&1; then
    ok "installed: cosim finds its RTL"
else
    cat "$work/out"
    not_ok "installed: cosim finds its RTL"
fi
exit "$failed"
