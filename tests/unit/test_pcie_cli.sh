#!/usr/bin/env bash
# espnic pcie and espnic validate: what they refuse and how they say it, JSON, curves, the same bytes twice.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

verdict() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok pcie: $name"
    else
        echo "not ok pcie: $name"
        head -n 20 "$work/log" | sed 's/^/  | /'
        failed=1
    fi
}

# refused PATTERN ARG...: exit status 2, a line on stderr that matches, nothing on stdout.
refused() {
    local pattern=$1
    shift
    "$espnic" "$@" >"$work/out" 2>"$work/err" </dev/null
    local status=$?
    cat "$work/err"
    [ "$status" -eq 2 ] && [ ! -s "$work/out" ] && grep -qE -- "$pattern" "$work/err"
}
bad() { # PATTERN ARG...
    verdict "${*:2} is refused" refused "$@"
}

bad '^espnic pcie: --lanes: card.pcie.lanes: lanes is 3, expected 1, 2, 4, 8 or 16' pcie bw --lanes x3
bad '--lanes: .*found "y8"' pcie bw --lanes y8
bad '--mps: card.pcie.mps: mps is 200 bytes, expected a power of two, 128 to 4096' pcie bw --mps 200
bad '--mrrs: .*found "64B", which is too small' pcie bw --mrrs 64
bad '--rcb: card.pcie.rcb: rcb is 96 bytes, expected 64 or 128' pcie bw --rcb 96
bad '--size: bench.size: found "0B", which is too small' pcie bw --size 0
bad '--size: .*which is negative' pcie bw --size -4
bad '--size: .*not a whole number of bytes' pcie bw --size 1.5B
bad '--offset: .*offset is 9000 bytes, expected at most 8128' pcie bw --offset 9000
bad '--window: .*window is 32 bytes, expected at least the size' pcie bw --window 32
bad '--unit: .*unit is 64 bytes, expected at least offset and size \(128\)' pcie bw --size 128 --unit 64
bad '--gen: .*found "9", which is too large' pcie bw --gen 9
bad 'generation 6|generations 1 to 5' pcie bw --gen 6 --dllp published
bad '--dllp: .*expected on-demand, published or share' pcie bw --dllp none
bad '--tags: .*found "0", which is too small' pcie bw --tags 0
bad '--op: .*expected rd, wr, rdwr or wrrd' pcie bw --op read
bad '--op: .*wrrd measures a latency' pcie bw --op wrrd
bad '--op: .*nothing tells the card' pcie lat --op wr
bad '--cache: .*no cache is modelled' pcie bw --cache host
bad '--set: card.pcie.mps: found "200", which has no unit' pcie bw --set card.pcie.mps=200
bad '--set: unknown key card.pcie.mpss, did you mean card.pcie.mps' pcie bw --set card.pcie.mpss=256B
bad '--set: bench.overhead_ps' pcie bw --set bench.overhead_ps=-1ns
bad 'outstanding is 0, expected a number' pcie bw --set bench.byte_ps=100ps
bad 'port_ps is 5000 ps, expected 0' pcie bw --set bench.port_ps=5ns
bad 'which is not a known preset' pcie bw --preset none
bad 'expected bw or lat' pcie
bad 'found "bandwidth", expected bw or lat' pcie bandwidth
bad 'one argument too many: "lat"' pcie bw lat
bad 'unknown option --siz, did you mean --size' pcie bw --siz 64
bad '--sweep-size: found 0 bytes' pcie bw --sweep-size=64,0
bad '--sweep-size: found "64:128", expected FROM:STEP:TO' pcie bw --sweep-size 64:128
bad '--sweep-window: .*factor of 2' pcie bw --sweep-window 4KiB:x1:8KiB
bad '--sweep-window: found more than 4096 points' pcie bw --sweep-window 1:1:100000
bad 'size 64, window 16: .*window is 16 bytes' pcie bw --sweep-window 16,8192
bad '--plot needs' pcie bw --plot "$work/x.gp"
bad 'a sweep is CSV' pcie bw --json --sweep-size
bad 'expected pcie' validate
bad 'found "usb", expected pcie' validate usb
bad 'did you mean iotlb' validate pcie --only iotbl

# ---- figures ---------------------------------------------------------------------------------------

gen3=(--gen 3 --lanes 8 --dllp published)

# within ROW WANT: the first number of the row of the table is WANT within 0.1 %.
within() {
    "$espnic" pcie bw "${gen3[@]}" "${@:3}" >"$work/out" || return 1
    awk -v row="$1" -v want="$2" '$1 == row { got = $2 } END { print got, want
        exit !(got > want * 0.999 && got < want * 1.001) }' "$work/out"
}
verdict "a published read" within data 53.6902 --op rd --size 256
verdict "a published write" within data 42.0980 --op wr --size 64B
verdict "published reads and writes" within data 50.0625 --op rdwr --size 768
verdict "Gen3 and x8 as one writes them" within data 42.0980 --op wr --gen Gen3 --lanes x8
verdict "an option beats the preset" within data 42.0980 --op wr --preset generic-400g --set card.pcie.host_pd=0 \
    --gen 3 --lanes 8 --mps 256 --mrrs 512
names_limit() { # LIMIT ARG...
    "$espnic" pcie bw "${@:2}" >"$work/out" && grep -F "limit: $1" "$work/out"
}
verdict "tags are named" names_limit tags --tags 8
verdict "their stalls have a share" grep -E '^the way up was clear, but lacked: tags [0-9.]+ % of the time' "$work/out"
verdict "completion space is named" names_limit 'completion space' --set card.pcie.space_headers=8
verdict "posted credits are named" names_limit 'posted credits' --op wr --set card.pcie.host_ph=2
verdict "host memory is named" names_limit 'host memory' --iommu --random --window 64MiB
verdict "the device is named" names_limit device --outstanding 2
verdict "the link is named" names_limit 'link (up)' --op wr

# ---- JSON ------------------------------------------------------------------------------------------

json() { # MODE ARG... -- PYTHON EXPRESSION over d
    local args=()
    while [ "$1" != -- ]; do
        args+=("$1")
        shift
    done
    "$espnic" "${args[@]}" --json >"$work/json" || return 1
    python3 - "$work/json" "$2" <<'EOF'
import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(0 if eval("(" + sys.argv[2] + ")") else "false: " + sys.argv[2])
EOF
}
if command -v python3 >/dev/null; then
    verdict "JSON of bw" json pcie bw --op rdwr --size 4KiB -- \
        'd["gbps"] > 0 and d["mtps"] > 0 and d["reads"] + d["writes"] == 20000 and
         d["published_gbps"] < d["gbps"] < d["bound_gbps"] and d["limit"]["name"] and
         set(d["stalls"]) and d["wires"]["up"]["busy"] <= 1.001 and d["link"]["up"]["wire_bytes"] > 0'
    verdict "JSON of lat" json pcie lat -- \
        'd["min_ns"] <= d["median_ns"] <= d["p99_ns"] <= d["p999_ns"] <= d["max_ns"] and
         d["count"] == 20000 and abs(d["median_ns"] - 423) < 2'
    verdict "every number has its definition" json pcie lat -- \
        'all(k in d["definitions"] for k in d if k.endswith("_ns"))'
    verdict "the configuration is in it" json pcie bw --size 128 --gen 3 --lanes x8 -- \
        'd["config"]["card"]["pcie"]["lanes"]["value"] == "8" and
         d["config"]["card"]["pcie"]["lanes"]["at"] == "--lanes" and
         d["config"]["bench"]["size"]["value"] == "128B" and
         d["config"]["card"]["pcie"]["host"]["read_ps"]["from"] == "default" and
         list(d["config"]["card"]) == ["pcie"]'
    verdict "there is no published model of Gen6" json pcie bw --gen 6 -- 'd["published_gbps"] is None'
    verdict "JSON of validate" json validate pcie --only cache -- \
        'len(d["figures"]) == 4 and all(f["held"] and f["source"] and f["settings"] for f in d["figures"])
         and d["sets"]["broadwell"]["card.pcie.host.read_ps"]["from"] == "fitted"'
else
    echo "SKIP pcie JSON: no python3"
fi

# ---- curves ------------------------------------------------------------------------------------------

curve() { # LINES HEAD ARG...
    "$espnic" pcie "${@:3}" >"$work/csv" && cat "$work/csv" && [ "$(wc -l <"$work/csv")" -eq "$1" ] &&
        head -n 1 "$work/csv" | grep -qx "$2" && awk -F, 'NF != n && NR > 1 { exit 1 } { n = NF }' "$work/csv"
}
bw_head='size,window,gbps,mtps,bound_gbps,published_gbps,up,down,limit'
lat_head='size,window,min_ns,median_ns,mean_ns,p95_ns,p99_ns,p999_ns,max_ns'
verdict "sizes of the published table" curve 10 "$bw_head" bw "${gen3[@]}" --sweep-size
verdict "... beside it" awk -F, 'NR > 1 && ($3 / $6 > 1.001 || $3 / $6 < 0.999) { exit 1 }' "$work/csv"
verdict "a list of sizes" curve 4 "$lat_head" lat --sweep-size 8,64B,1KiB
verdict "a range of sizes" curve 5 "$bw_head" bw --sweep-size=64:64:256
verdict "windows by a factor" curve 6 "$bw_head" bw --iommu --random --sweep-window=64KiB:x2:1MiB
verdict "... the IO-TLB ends at 256 KiB" awk -F, \
    '{ g[$2] = $3 } END { exit !(g[262144] > 0.98 * g[65536] && g[524288] < 0.7 * g[65536]) }' "$work/csv"
verdict "sizes and windows" curve 7 "$lat_head" lat --sweep-size 64,128 --sweep-window 4096,8192,16384

plots() {
    "$espnic" pcie bw --sweep-size 64,128 --plot "$work/it's.gp" >"$work/csv" || return 1
    # shellcheck disable=SC2016 # a data block of gnuplot
    grep -qF '$curve << EOD' "$work/it's.gp" && grep -qF "$(tail -n 1 "$work/csv")" "$work/it's.gp"
}
verdict "a script for gnuplot" plots
if command -v gnuplot >/dev/null; then
    verdict "... makes a picture" grep -q '<svg' "$work/it's.svg"
else
    echo "SKIP pcie plot: no gnuplot"
fi
no_gnuplot() {
    PATH=/nonexistent "$espnic" pcie bw --sweep-size 64 --plot "$work/x.gp" 2>&1 >/dev/null |
        grep -F 'gnuplot is not installed'
}
verdict "without gnuplot it says so" no_gnuplot
verdict "a plot that cannot be written is refused" bash -c \
    "'$espnic' pcie bw --sweep-size 64 --plot /nonexistent/x.gp >/dev/null 2>&1; [ \$? -eq 2 ]"

# ---- the same bytes -------------------------------------------------------------------------------------

twice() {
    "$espnic" "$@" >"$work/one" && "$espnic" "$@" >"$work/two" && [ -s "$work/one" ] &&
        cmp "$work/one" "$work/two"
}
verdict "the same bytes: bw" twice pcie bw --op rdwr --random --iommu --window 1MiB --json
verdict "the same bytes: lat" twice pcie lat --set card.pcie.host.jitter=true --json
verdict "the same bytes: validate" twice validate pcie --only numa
differs() {
    ! cmp -s <("$espnic" pcie bw --random --iommu --window 1MiB --seed 1) \
        <("$espnic" pcie bw --random --iommu --window 1MiB --seed 2)
}
verdict "another seed, other places" differs
exit $failed
