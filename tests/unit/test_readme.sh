#!/usr/bin/env bash
# What README.md shows is so: its commands end well, its recording and scenario run, the demo looks as printed.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
readme=$PWD/README.md
manual=$PWD/sim/cli/espnic.1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok readme: $name"
    else
        echo "not ok readme: $name"
        head -n 20 "$work/log" | sed 's/^/  | /'
        failed=1
    fi
}

# block KIND: the text between ```KIND and ```
block() {
    awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } $0 == "```" { on = 0 } on' "$readme"
}

# The demo's text without its figures, rulers and padding, which may change with every latency.
shape() {
    sed -E 's/[0-9][0-9 .]*/N/g; s/-{2,}//g; s/ +/ /g; s/^ //; s/ $//' "$1"
}

# The IP packets of a pcap with nanosecond or microsecond stamps, one line of hex each.
packets() {
    tshark -r "$1" ${2:+-Y "$2"} -T fields -e ip.id -e ip.len -e ip.src -e ip.dst -e ip.checksum \
        -e udp.payload -e tcp.payload -E occurrence=l -o ip.defragment:FALSE
}
round_trip() {
    packets traces/samples/vpn-gateway-tx.pcap ip >sent && packets clear.pcap >got && [ -s sent ] &&
        cmp sent got
}

ln -s "$PWD/traces" "$work/traces"
mkdir "$work/build"
ln -s "$espnic" "$work/build/espnic"
cd "$work" || exit 1

block jsonl >two.jsonl
block yaml >own.yaml
verdict "the recording has two lines" [ "$(wc -l <two.jsonl)" -eq 2 ]
while IFS= read -r line; do
    line=${line%%  *}              # without the comment behind it
    line=${line/--loop 20/--loop 2} # it need not take long
    line=${line/--packets 200000/--packets 20000}
    line=${line/--cycles 1000000/--cycles 100000}
    line=${line/--garbage 1000000/--garbage 100000}
    if [[ $line == "build/espnic validate cx7 --only ceilings" ]]; then
        continue # half a minute: tests/validation/test_cx7.sh has just that
    fi
    if [[ $line == *" cosim "* ]] && ! command -v verilator >/dev/null; then
        echo "SKIP readme: $line: no Verilator"
        continue
    fi
    verdict "$line" bash -c "${line//\/tmp\//}"
done < <(grep -E '^build/espnic ' "$readme")
verdict "the scenario" build/espnic run own.yaml
# Every option that --help lists is in the manual page, and none is there that is not.
man_page() {
    local options
    options=$(for c in run sweep preset "trace info" "trace check" "trace mrc" pcie validate cosim report; do
        # shellcheck disable=SC2086
        "$espnic" $c --help | grep -oE '^  (-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'
    done | sort -u) || return 1
    # Names of commands and of groff's escapes are not options.
    diff <(echo "$options") <(sed 's/\\-/-/g; s/\\f.//g' "$manual" | grep -oE -- '--[a-z][a-z-]*' |
        grep -vxE -- '--(version|help|option)' | sort -u)
}
verdict "the manual page has all options" man_page
if command -v tshark >/dev/null; then
    verdict "what was encrypted comes back" round_trip
else
    echo "SKIP readme round trip: no tshark"
fi
awk '/^\$ build\/espnic run/ { on = 1; next } on && /^```/ { exit } on' "$readme" >shown
build/espnic run traces/samples/vpn-gateway.yaml >printed
shape shown >shown.shape
shape printed >printed.shape
verdict "the demo looks as shown" diff shown.shape printed.shape
exit $failed
