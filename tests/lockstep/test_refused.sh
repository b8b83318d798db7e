#!/usr/bin/env bash
# Parameters that are not allowed end the elaboration of a block with a message, each by itself, in Icarus; what is allowed does not.
# The engine is not there: it takes seconds, and test_aes_gcm.sh has it.
# And esn_replay says so when an SA gets a window that it has no map for.
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
rtl=rtl_models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

command -v iverilog >/dev/null 2>&1 || {
    echo "SKIP refused parameters: iverilog is missing"
    exit 0
}

tell() { # STATUS NAME
    if [ "$1" = 0 ]; then
        echo "ok $2"
    else
        cat "$work/out"
        echo "not ok $2"
        failed=1
    fi
}

start() { # TOP FILE [PARAMETER=VALUE]
    local parameter=()
    [ -z "${3:-}" ] || parameter=("-P$1.$3")
    iverilog -g2012 -o "$work/vvp" -s "$1" "${parameter[@]}" -y tests/lockstep/no_engine -y "$rtl" -Y .sv "$rtl"/*_pkg.sv "$2" >"$work/out" 2>&1 &&
        timeout 100 vvp -n "$work/vvp" >"$work/out" 2>&1
}

# MODULE PARAMETER=VALUE message; who says it stands in the message.
while read -r module setting message; do
    start "$module" "$rtl/$module.sv" "$setting"
    grep -qF "$message" "$work/out"
    tell $? "$module $setting: $message"
done <<'END'
context_ram WIDTH=0 context_ram: WIDTH is 0, must be 1 or more
context_ram SA_W=17 context_ram: SA_W is 17, must be 1 to 16
channel DEPTH=1 channel: DEPTH is 1, must be 2 or more
lane LATENCY=256 lane: LATENCY is 256, must be 0 to 255
lane INTERVAL=0 lane: INTERVAL is 0, must be 1 to 255
lane OVERHEAD=256 lane: OVERHEAD is 256, must be 0 to 255
lane START_LAST=2 lane: START_LAST is 2, must be 0 or 1
pipe STAGES=256 pipe: STAGES is 256, must be 0 to 255
hazard RMW=65 hazard: RMW is 65, must be 1 to 64
hazard SA_W=17 hazard: SA_W is 17, must be 1 to 16
ingress LONGEST=256 ingress: LONGEST is 256, must be 1 to 255
ingress WHOLE=2 ingress: WHOLE is 2, must be 0 or 1
ingress DEPTH=1 ingress: DEPTH is 1, must be 2 to 65535
esp_reorder INPUTS=17 esp_reorder: INPUTS is 17, must be 2 to 16
esp_reorder TICKETS=2 esp_reorder: TICKETS is 2, must be 0 or 1
esp_reorder TICKET_W=17 esp_reorder: TICKET_W is 17, must be 1 to 16
esp_reorder KEY_W=17 esp_reorder: KEY_W is 17, must be 1 to 16
esp_reorder START_LAST=2 esp_reorder: START_LAST is 2, must be 0 or 1
esp_reorder DEPTH=1 channel: DEPTH is 1, must be 2 or more
esn_replay WINDOW=96 esn_replay: WINDOW is 96, must be a power of two from 32 to 4096
esn_sequence MTU=575 esn_sequence: MTU is 575, must be 576 to 65535
esp_tx_fetch SA_W=17 esp_tx_fetch: SA_W is 17, must be 1 to 16
esp_tx_fetch SA_TABLE=2 esp_tx_fetch: SA_TABLE is 2, must be 0 or 1
esp_tx_sequence MTU=9217 esp_tx_sequence: MTU is 9217, must be 576 to 9216
esp_tx_sequence SA_W=9 esp_tx_sequence: SA_W is 9, must be 1 to 8
esp_tx_sequence RMW=65 hazard: RMW is 65, must be 1 to 64
esp_encapsulate HOLD=24 esp_encapsulate: HOLD is 24, must be a power of two
esp_tx_crypto SA_W=9 esp_tx_crypto: SA_W is 9, must be 1 to 8
esp_tx_crypto ORDER=2 esp_tx_crypto: ORDER is 2, must be 0 or 1
esp_tx_crypto DEPTH=256 esp_tx_crypto: DEPTH is 256, must be 2 to 255 (TICKET_W is 8)
esp_tx SA_W=9 esp_tx: SA_W is 9, must be 1 to 8
esp_tx MTU=9217 esp_tx: MTU is 9217, must be 576 to 9216
esp_tx ORDER=2 esp_tx: ORDER is 2, must be 0 or 1
esp_tx CRYPTO_STAGES=3 esp_tx: CRYPTO_STAGES is 3, must be 1 or 2
esp_tx CRYPTO_DEPTH=32769 esp_tx: CRYPTO_DEPTH is 32769, must be 2 to 32768
esp_tx SA_TABLE=2 esp_tx: SA_TABLE is 2, must be 0 or 1
esp_tx OUT_DEPTH=1 esp_tx: OUT_DEPTH is 1, must be 2 to 32768
esp_tx FETCH_DEPTH=1 channel: DEPTH is 1, must be 2 or more
esp_rx SA_W=9 esp_rx: SA_W is 9, must be 1 to 8
esp_rx AES_STAGES=3 esp_rx: AES_STAGES is 3, must be 1 or 2
esp_rx AES_DEPTH=27 esp_rx: AES_DEPTH is 27, must be 28 or more
esp_rx REORDER_DEPTH=27 esp_rx: REORDER_DEPTH is 27, must be 28 or more
esp_rx SA_TABLE=2 esp_rx: SA_TABLE is 2, must be 0 or 1
esp_lookup_table SA_W=13 esp_lookup_table: SA_W is 13, must be 1 to 12
sa_table HOST_ESN=2 sa_table: HOST_ESN is 2, must be 0 or 1
sa_table RELEASES=0 sa_table: RELEASES is 0, must be 1 to 16
sa_table CONTEXT_W=0 sa_table: CONTEXT_W is 0, must be 1 or more
esp_rx WINDOW=8192 esn_replay: WINDOW is 8192, must be a power of two from 32 to 4096
ipsec_top SA_W=9 ipsec_top: SA_W is 9, must be 1 to 8
ipsec_top RX_BUFFER=27 ipsec_top: RX_BUFFER is 27, must be 28 to 65535
ipsec_top CSR_DEPTH=1 ipsec_top: CSR_DEPTH is 1, must be 2 or more
ipsec_top TABLES=2 csr: TABLES is 2, must be 0 or 1
END

# What they refuse is not everything: as they are, and at the limits, they begin.
while read -r module setting; do
    start "$module" "$rtl/$module.sv" "$setting" && ! grep -q 'FATAL\|ERROR' "$work/out"
    tell $? "$module ${setting:-as it is}: begins"
done <<'END'
esp_tx
esp_rx
esp_tx CRYPTO_DEPTH=1024
esp_rx SA_TABLE=1
esp_tx SA_TABLE=1
esp_rx AES_DEPTH=28
esp_rx REORDER_DEPTH=28
ipsec_top RX_BUFFER=28
END

start replay_window_tb tests/lockstep/replay_window_tb.sv && grep -q 'a window of 64 is set' "$work/out" &&
    [ "$(grep -c 'ERROR' "$work/out")" = 1 ] && grep -q 'esn_replay: cfg_window is 65, WINDOW is 64' "$work/out"
tell $? "esn_replay: a window larger than WINDOW is an error, as large as it is none"
exit "$failed"
