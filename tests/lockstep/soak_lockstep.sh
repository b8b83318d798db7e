#!/usr/bin/env bash
# C and RTL side by side for long: CYCLES cycles a block (1.3 x 10^7 if not given: more than 10^8 in all), shared out to its sets
# of parameters, each with a seed of its own.
#
# usage: [CYCLES=N] [SEED=S] bash tests/lockstep/soak_lockstep.sh [BLOCK]
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
espnic=${ESPNIC:-build/espnic}
export ESPNIC_RTL_CACHE=${ESPNIC_RTL_CACHE:-${BUILD:-build}/rtl}
cycles=${CYCLES:-13000000}
seed=${SEED:-1}
failed=0 total=0

sets=$(grep -v '^#' tests/lockstep/block.sets)
for tool in verilator g++ make; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "SKIP long runs of blocks against their RTL: no $tool"
        exit 0
    }
done
for block in $("$espnic" cosim --list | sed -n 's/^\([a-z_0-9]*\): .*/\1/p'); do
    [[ $block == "${1:-$block}" ]] || continue
    count=$(grep -c "^$block|" <<<"$sets")
    if [ "$count" -lt 8 ]; then
        echo "not ok $block: $count sets of parameters, there have to be 8"
        failed=1
        [ "$count" -gt 0 ] || continue
    fi
    while IFS='|' read -r _ settings; do
        params=()
        for setting in $settings; do params+=(--param "$setting"); done
        seed=$((seed + 1))
        if out=$("$espnic" cosim "$block" --cycles $((cycles / count)) --seed "$seed" "${params[@]}" 2>&1); then
            echo "ok $(head -n 1 <<<"$out")"
            total=$((total + cycles / count))
        else
            echo "$out"
            echo "not ok $block $settings, seed $seed"
            failed=1
        fi
    done < <(grep "^$block|" <<<"$sets")
done
echo "$total cycles without a difference"
exit "$failed"
