#!/usr/bin/env bash
# The same bytes whatever compiled the program: gcc and clang, -O0 and -O3, and a build without libipsec-mb.
# Builds the program five times in a temporary folder: some minutes. Part of make soak.
set -u
unset MAKEFLAGS MAKELEVEL MFLAGS
root=$PWD
samples=$root/traces/samples
data=$(realpath -m "${ESPNIC_DATA:-../shared/data}")
export ESPNIC_PRESETS=$root/sim/presets
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
first=

builds=("gcc|-O3|" "gcc|-O0|" "clang|-O3|" "clang|-O0|" "gcc|-O2|IPSEC_MB=0")

# run BUILD NAME ARG...: the outputs into a folder of the build; the names in the report are the same.
run() {
    local to=$work/$1/$2 program=$work/$1/espnic
    shift 2
    mkdir -p "$to"
    (cd "$to" && "$program" run "$@" -o report.json --tx-out tx.pcap --rx-out rx.pcap --csv report.csv \
        --series series.csv --interval 10us --timeline timeline.json >stdout.txt 2>stderr.txt </dev/null)
}

workloads() {
    local vpn=$samples/vpn-gateway.yaml
    run "$1" sample "$vpn" &&
        run "$1" crypto "$vpn" --set card.offload=crypto --set card.sa.esn=host --experiments 0 &&
        run "$1" cache "$vpn" --set card.sa.storage=host-cache --set card.sa.cache.replacement=random \
            --experiments 0 &&
        run "$1" full "$vpn" --load max --set card.lanes=4 --set card.crypto.width=4B &&
        run "$1" timing "$vpn" --timing-only --experiments 0 || return 1
    for preset in ixgbe-82599 cx7-like generic-400g netdevsim; do
        run "$1" "$preset" --preset "$preset" --oids "$samples/vpn-gateway.jsonl" --experiments 0 \
            --tx "$samples/vpn-gateway-tx.pcap" --rx "$samples/vpn-gateway-rx.pcap" || return 1
    done
    if [ -r "$data/sa2oids.py" ] && command -v python3 >/dev/null; then
        python3 "$data/sa2oids.py" "$data/captures/strongswan-rekey-storm-udpencap.sa.json" all \
            >"$work/storm.jsonl"
        run "$1" storm --preset generic-100g --oids "$work/storm.jsonl" --experiments 0 \
            --rx "$data/captures/strongswan-rekey-storm-udpencap.pcap" || return 1
    fi
}

for build in "${builds[@]}"; do
    IFS='|' read -r cc opt more <<<"$build"
    name=$cc$opt${more:+-${more/=/-}}
    if ! command -v "$cc" >/dev/null; then
        echo "SKIP determinism: $name: no $cc"
        continue
    fi
    # shellcheck disable=SC2086
    if ! nice make -s -j2 BUILD="$work/$name" CC="$cc" CFLAGS="$opt" DEPS=0 $more "$work/$name/espnic" \
        >"$work/log" 2>&1; then
        tail -20 "$work/log"
        echo "not ok determinism: $name does not build"
        status=1
        continue
    fi
    if ! workloads "$name"; then
        cat "$work/$name"/*/stderr.txt
        echo "not ok determinism: $name: a run failed"
        status=1
    elif [ -z "$first" ]; then
        first=$name
    else
        bad=
        for folder in "$work/$first"/*/; do
            [ -f "$folder/report.json" ] || continue
            diff -rq "$folder" "$work/$name/$(basename "$folder")" || bad=1
        done
        if [ -z "$bad" ]; then
            echo "ok determinism: $name writes the bytes of $first"
        else
            echo "not ok determinism: $name does not write the bytes of $first"
            status=1
        fi
    fi
    rm -rf "$work/$name/obj"
done
exit $status
