#!/usr/bin/env bash
# Recordings with SAs that begin near 2^31 and 2^32, on a card whose driver moves the upper half (card.sa.esn events):
# sent and received, with losses and with a driver that is late. What is lost is what arithmetic on the numbers and times
# of the packets says (esn_events.py).
set -u
cd "$(dirname "$0")/../.." || exit 1
espnic=${ESPNIC:-build/espnic}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok esn_events: $name"
    else
        echo "not ok esn_events: $name"
        head -n 20 "$work/log" | sed 's/^/  | /'
        failed=1
    fi
}

if ! command -v python3 >/dev/null; then
    echo "SKIP esn_events: no python3"
    exit 0
fi

run() { # OFFLOAD ARGUMENT...
    local offload=$1
    shift
    "$espnic" run --preset generic-100g --set card.sa.esn=events --set card.offload="$offload" --experiments 0 "$@" \
        >/dev/null
}

# The two senders; the numbers of what they sent are looked at when it is joined.
send() { # OFFLOAD
    for sender in first second; do
        run "$1" --oids "$work/$sender.jsonl" --tx "$work/$sender.pcap" --tx-out "$work/$sender-esp.pcap" \
            -o "$work/$sender.json" || return 1
    done
}

receive() { # OFFLOAD LATE_US
    local command
    python3 tests/validation/esn_events.py join "$work" "$2" || return 1
    command="--set card.command.path=firmware --set card.command.update_commands=1"
    for of in least median p99 most; do
        command+=" --set card.command.$of=$2us"
    done
    # shellcheck disable=SC2086
    run "$1" $command --oids "$work/receiver.jsonl" --rx "$work/arrives.pcap" -o "$work/report.json" || return 1
}

python3 tests/validation/esn_events.py make "$work" || exit 1
for offload in crypto packet; do
    verdict "sent, $offload offload" send $offload
done
verdict "an event each" bash -c "for s in first second; do python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))[\"card\"]
sys.exit(r[\"tx\"][\"packets_out\"] != 150 or r[\"events\"][\"esn\"] != 1)' $work/\$s.json || exit 1; done"
for late in 20 2000 8500 11000; do
    verdict "received, the driver $late us late" receive packet $late
    verdict "... what came of it" python3 tests/validation/esn_events.py check "$work" "$work/report.json"
done
verdict "so late that packets were lost" bash -c "[ \$(sed 's/.*bad_icv\": \([0-9]*\),.*/\1/' $work/expected) -gt 10 ]"

# Crypto offload: the host sees the numbers by itself. In time nothing is lost.
in_time() {
    receive crypto 20 && python3 - "$work" <<'PYTHON'
import json, sys
expected = json.load(open(sys.argv[1] + "/expected"))
report = json.load(open(sys.argv[1] + "/report.json"))
assert expected["card.rx.drops.bad_icv"] == 0
assert report["host"]["rx"]["delivered"] == expected["card.rx.packets_out"], report["host"]["rx"]
assert report["card"]["events"]["esn"] == 0 and report["card"]["events"]["modified"] >= 2, report["card"]["events"]
PYTHON
}
verdict "received, crypto offload" in_time
exit $failed
