#!/usr/bin/env bash
# C and RTL side by side for long: CYCLES cycles a block (10^7 if not given), shared out to its sets of parameters, each with
# a seed of its own.
#
# usage: [CYCLES=N] [SEED=S] bash tests/lockstep/soak_lockstep.sh [BLOCK]
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
espnic=${ESPNIC:-build/espnic}
export ESPNIC_RTL_CACHE=${ESPNIC_RTL_CACHE:-${BUILD:-build}/rtl}
cycles=${CYCLES:-10000000}
seed=${SEED:-1}
failed=0

sets=$(grep -v '^#' tests/lockstep/block.sets)
# block | parameters
sets='
esn_replay|
esn_replay|RMW=2 WINDOW=32 SA_W=1
esn_replay|RMW=64 WINDOW=64 SA_W=2
esn_replay|RMW=3 WINDOW=128 CHECK_LATENCY=0 UPDATE_LATENCY=0
esn_replay|RMW=8 WINDOW=256 CHECK_DEPTH=2 CHECK_IN_DEPTH=2
esn_replay|RMW=5 WINDOW=512 CHECK_OVERHEAD=3 UPDATE_OVERHEAD=2
esn_replay|RMW=16 WINDOW=1024 SA_W=6 UPDATE_LATENCY=40
esn_replay|RMW=7 WINDOW=4096 SA_W=3 CHECK_LATENCY=11
esn_sequence|
esn_sequence|RMW=2 SA_W=1 MTU=576
esn_sequence|RMW=7 LATENCY=0 DEPTH=2 IN_DEPTH=2 MTU=577
esn_sequence|RMW=64 SA_W=8 MTU=1500
esn_sequence|RMW=16 SA_W=2 LATENCY=64 DEPTH=64 IN_DEPTH=64 MTU=65535
esn_sequence|RMW=3 LATENCY=4 SA_W=5 INTERVAL=2
esn_sequence|RMW=5 OVERHEAD=9 LATENCY=17 DEPTH=33 MTU=9001
esn_sequence|RMW=32 SA_W=3 INTERVAL=8 LATENCY=2 OVERHEAD=1
csr|
csr|TABLES=1
csr|IN_DEPTH=2
csr|TABLES=1 IN_DEPTH=2
csr|IN_DEPTH=3
csr|TABLES=1 IN_DEPTH=5
csr|TABLES=1 IN_DEPTH=17
csr|TABLES=1 IN_DEPTH=64
esp_tx|
esp_tx|SA_W=2 RMW=8 FETCH_LATENCY=0 SEQUENCE_LATENCY=0 ENCAP_LATENCY=1 FETCH_DEPTH=2 SEQUENCE_DEPTH=2 ENCAP_DEPTH=2 CRYPTO_OVERHEAD=0 ORDER=1
esp_tx|SA_W=8 MTU=9000 RMW=4 FETCH_LATENCY=12 FETCH_DEPTH=64 SEQUENCE_LATENCY=4 SEQUENCE_DEPTH=64 ENCAP_LATENCY=6 ENCAP_DEPTH=64 CRYPTO_STAGES=2 CRYPTO_OVERHEAD=3 OUT_DEPTH=512
esp_tx|SA_W=3 MTU=576 RMW=64 FETCH_OVERHEAD=2 SEQUENCE_OVERHEAD=1 ENCAP_OVERHEAD=3 ENCAP_DEPTH=4 CRYPTO_DEPTH=200 CRYPTO_OVERHEAD=20
esp_tx|SA_W=6 RMW=2 ORDER=1 CRYPTO_STAGES=2 ENCAP_LATENCY=2 ENCAP_DEPTH=3 SEQUENCE_DEPTH=3
esp_tx|SA_W=1 MTU=9216 RMW=16 ENCAP_LATENCY=64 ENCAP_DEPTH=128
esp_tx|SA_W=5 MTU=1501 RMW=3 FETCH_LATENCY=64 SEQUENCE_LATENCY=9 CRYPTO_OVERHEAD=64 ORDER=1
esp_tx|MTU=577 FETCH_OVERHEAD=64 ENCAP_OVERHEAD=9 CRYPTO_OVERHEAD=0 CRYPTO_STAGES=2 OUT_DEPTH=300
'
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
        else
            echo "$out"
            echo "not ok $block $settings, seed $seed"
            failed=1
        fi
    done < <(grep "^$block|" <<<"$sets")
done
exit "$failed"
