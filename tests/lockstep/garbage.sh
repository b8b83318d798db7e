#!/usr/bin/env bash
# Garbage at the pins of each block that can have it, then correct traffic, of which everything has to come out (espnic cosim --garbage).
#
# usage: garbage.sh CYCLES SETS      (from the project root: cycles of garbage; sets of parameters of block.sets for each block)
set -u
export LC_ALL=C
espnic=${ESPNIC:-build/espnic}
export ESPNIC_RTL_CACHE=${ESPNIC_RTL_CACHE:-${BUILD:-build}/rtl}
failed=0

for tool in verilator g++ make; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "SKIP garbage: no $tool"
        exit 0
    }
done
for block in csr sa_table esp_tx esp_rx ipsec_top; do
    while IFS='|' read -r _ settings; do
        params=()
        for setting in $settings; do params+=(--param "$setting"); done
        if out=$("$espnic" cosim "$block" --garbage "$1" --seed "${SEED:-1}" "${params[@]}" 2>&1) &&
            grep -q "^$block: .* cycles, no difference" <<<"$out" && grep -q 'correct\|read back' <<<"$out"; then
            echo "ok $block ${settings:-as it is}: $1 cycles of garbage, then all that is correct"
        else
            echo "$out"
            echo "not ok $block ${settings:-as it is}: $1 cycles of garbage, then all that is correct"
            failed=1
        fi
    done < <(grep -m "$2" "^$block|" tests/lockstep/block.sets)
done
exit "$failed"
