#!/usr/bin/env bash
# verilate.sh: three at a time make the same block in one folder, each gets a library that works, and nothing is left over.
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
espnic=$(realpath "${ESPNIC:-build/espnic}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ESPNIC_RTL_CACHE=$work/rtl OPT=-O0
failed=0

ok() { echo "ok $1"; }
not_ok() {
    echo "not ok $1"
    failed=1
}

for tool in verilator g++ make; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "SKIP builds at the same time: no $tool"
        exit 0
    }
done

jobs=()
for i in 1 2 3; do
    "$espnic" cosim esn_sequence --cycles 3000 >"$work/out$i" 2>&1 &
    jobs+=($!)
    sleep 0.7 # each comes while the one before it is in another step
done
for i in 1 2 3; do
    wait "${jobs[$((i - 1))]}"
    if grep -q '^esn_sequence: 3000 cycles, no difference' "$work/out$i"; then
        ok "three at a time: number $i"
    else
        cat "$work/out$i"
        not_ok "three at a time: number $i"
    fi
done

left=$(cd "$work/rtl" && find . -mindepth 1 -maxdepth 1 ! -name 'esn_sequence-*.so' ! -name 'verilator-*')
if [ -z "$left" ] && [ "$(find "$work/rtl" -name '*.so' | wc -l)" = 1 ]; then
    ok "one library, and nothing left over"
else
    ls "$work/rtl"
    not_ok "one library, and nothing left over"
fi

# What ends half-way leaves nothing either; what it says is not lost.
if ! bash rtl_models/verilate.sh esn_sequence "$work/bad/x.so" MTU=100 >"$work/out" 2>&1 &&
    grep -q 'MTU is 100, must be' "$work/out" && [ -z "$(find "$work/bad" -mindepth 1 -maxdepth 1 ! -name 'verilator-*')" ]; then
    ok "a refusal leaves nothing"
else
    cat "$work/out"
    ls "$work/bad"
    not_ok "a refusal leaves nothing"
fi
exit "$failed"
