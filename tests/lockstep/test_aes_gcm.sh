#!/usr/bin/env bash
# aes_gcm.sv in Verilator: published vectors, OpenSSL, garbage, full rate, for each width of a beat and with one and two
# registers a round; then the same cycles in Icarus, with the S-box and the product as gates.
set -u
build=${BUILD:-build}/lockstep
# BLOCKS DEPTH OVERHEAD STAGES_PER_ROUND: as in the pipelines, and one that differs in all; ALL=1: full rate of one block, and
# a channel that is too short for it, too
configurations=("4 24 0 1" "1 38 5 2")
[ "${ALL:-0}" != 1 ] || configurations+=("1 24 0 1" "2 7 3 1")

if ! command -v "${VERILATOR:-verilator}" >/dev/null; then
    echo "SKIP aes_gcm: no Verilator"
    exit 0
fi
status=0
for configuration in "${configurations[@]}"; do
    read -r blocks depth overhead stages <<<"$configuration"
    folder=$build/gcm-$blocks-$depth-$overhead-$stages
    if ! bash tests/lockstep/gcm_build.sh "$folder" "$blocks" "$depth" "$overhead" "$stages"; then
        echo "not ok aes_gcm $configuration: it does not build"
        status=1
        continue
    fi
    for case in vectors openssl garbage rate; do
        "$folder/gcm_vectors" $case || status=1
    done
    if ! command -v iverilog >/dev/null; then
        echo "SKIP aes_gcm $configuration in Icarus: no Icarus"
        continue
    fi
    if "$folder/gcm_vectors" dump "$folder/dump.txt" &&
        iverilog -g2012 -s gcm_replay_tb "-Pgcm_replay_tb.BLOCKS=$blocks" "-Pgcm_replay_tb.DEPTH=$depth" \
            "-Pgcm_replay_tb.OVERHEAD=$overhead" "-Pgcm_replay_tb.STAGES_PER_ROUND=$stages" -o "$folder/replay.vvp" \
            -y rtl_models -Y .sv rtl_models/aes_gcm_pkg.sv tests/lockstep/gcm_replay_tb.sv 2>"$folder/icarus.log" &&
        vvp "$folder/replay.vvp" "+dump=$folder/dump.txt" >"$folder/replay.log" 2>&1 &&
        grep -q '^replayed' "$folder/replay.log"; then
        echo "ok aes_gcm $configuration in Icarus: $(cat "$folder/replay.log")"
    else
        cat "$folder/icarus.log" "$folder/replay.log" >&2
        echo "not ok aes_gcm $configuration in Icarus"
        status=1
    fi
done
exit $status
