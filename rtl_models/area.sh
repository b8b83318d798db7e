#!/usr/bin/env bash
# How large are the blocks? Synthesis by yosys for a few parameters each, into AREA.md beside this script; half an hour.
#
# usage: rtl_models/area.sh [-n [BLOCK]]     (make area)      -n: on standard output only, all or one block
set -u
only=${2:-}
export LC_ALL=C
cd "$(dirname "$0")" || exit 1
command -v yosys >/dev/null 2>&1 || {
    echo "SKIP area of the RTL: no yosys (Debian package yosys)"
    exit 0
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# module | parameters
points='
channel|WIDTH=64 DEPTH=8
channel|WIDTH=512 DEPTH=64
lane|WIDTH=64 DEPTH=8 LATENCY=1
lane|WIDTH=64 DEPTH=8 LATENCY=4
hazard|SA_W=4 RMW=4
hazard|SA_W=12 RMW=16
esn_sequence|SA_W=4 RMW=1
esn_sequence|SA_W=10 RMW=4
esn_replay|SA_W=4 WINDOW=64 RMW=1
esn_replay|SA_W=4 WINDOW=256 RMW=4
esn_replay|SA_W=4 WINDOW=1024 RMW=4
sa_hash|
sa_table|
sa_table|MEMORIES=2 BUCKETS=64 WAYS=4 ENTRIES=384
csr|TABLES=0
csr|TABLES=1
aes_sbox|
aes_round|
ghash_mul|
aes_gcm|BLOCKS=1
aes_gcm|BLOCKS=1 STAGES_PER_ROUND=2
aes_gcm|BLOCKS=2
aes_gcm|BLOCKS=4
esp_parser|
esp_lookup|SA_W=4
esp_lookup|SA_W=6
esp_rx|SA_W=4
esp_rx|SA_W=6 SA_TABLE=1
esp_tx|SA_W=4
esp_tx|SA_W=6
ipsec_top|SA_W=4
ipsec_top|SA_W=4 SA_TABLE=1
'

# The files that a module is made of: itself, what it names, and so on; packages first.
files_of() {
    local todo=$1 done='' name other
    while [ -n "$todo" ]; do
        name=${todo%% *}
        todo=${todo#"$name"}
        todo=${todo# }
        done="$done $name.sv"
        for other in *.sv; do
            other=${other%.sv}
            case " $todo $done " in *" $other "* | *" $other.sv "*) continue ;; esac
            grep -v '^ *//' "$name.sv" | grep -qw "$other" && todo="${todo:+$todo }$other"
        done
    done
    tr ' ' '\n' <<<"$done" | grep _pkg.sv | tr '\n' ' '
    tr ' ' '\n' <<<"$done" | grep '\.sv' | grep -v _pkg.sv | tr '\n' ' '
}

# Each module is mapped by itself, once for all of its instances: so nothing is optimised across their borders, and the largest
# blocks take minutes instead of hours.
row() {
    local module=$1 settings=$2 chparam='' s
    for s in $settings; do chparam="$chparam -set ${s%=*} ${s#*=}"; done
    yosys -q -p "read_verilog -sv -defer $(files_of "$module"); ${chparam:+chparam $chparam $module;} hierarchy -top $module; proc -norom; opt -fast; \
        tee -q -o $work/words stat -top $module; memory -nomap; opt -full; techmap; opt -fast; simplemap; \
        dfflegalize -cell \$_DFF_P_ x; abc -g simple; opt_clean; tee -q -o $work/gates stat -top $module" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        echo "yosys fails on $module $settings" >&2
        return 1
    }
    # With modules inside, the totals are the last section of what yosys writes.
    awk -v module="$module" -v settings="$settings" '
        /^===/ && FILENAME ~ /words/ { bits = 0 }
        /^===/ && FILENAME ~ /gates/ { flops = andor = nand = xor = mux = inv = 0 }
        FILENAME ~ /words/ { if (/Number of memory bits/) bits = $NF; next }
        $1 ~ /DFF/ { flops += $2 }
        $1 == "$_AND_" || $1 == "$_OR_" { andor += $2 }
        $1 == "$_NAND_" || $1 == "$_NOR_" { nand += $2 }
        $1 == "$_XOR_" || $1 == "$_XNOR_" { xor += $2 }
        $1 == "$_MUX_" { mux += $2 }
        $1 == "$_NOT_" { inv += $2 }
        END {
            kge = (nand + 1.33 * andor + 2.33 * (xor + mux) + 0.67 * inv + 6 * flops) / 1000
            printf "| %s | %s | %d | %d | %d | %d | %d | %.1f | %d |\n", module, settings == "" ? "as it is" : settings, flops,
                andor + nand, xor, mux, inv, kge, bits
        }' "$work/words" "$work/gates"
}

{
    echo "# Area of the blocks"
    echo
    echo "Made by \`make area\` (rtl_models/area.sh); do not edit. $(yosys -V | sed 's/ (.*//'), \`abc -g simple\`, nothing of"
    echo "a technology. kGE: thousands of NAND gates, with AND and OR at 1.33, XOR and MUX at 2.33, NOT at 0.67, a flip-flop at 6;"
    echo "memories (arrays that are indexed) are counted in bits beside that, with their ports as given."
    echo
    echo "| block | parameters | flip-flops | AND, OR | XOR | MUX | NOT | kGE | memory bits |"
    echo "|---|---|---|---|---|---|---|---|---|"
    while IFS='|' read -r module settings; do
        [ -n "$module" ] || continue
        [ -z "$only" ] || [ "$module" = "$only" ] || continue
        echo "$module $settings" >&2
        row "$module" "$settings" || exit 1
    done <<<"$points"
} >"$work/AREA.md" || exit 1
if [ "${1:-}" = -n ]; then
    cat "$work/AREA.md"
else
    cp "$work/AREA.md" AREA.md
fi
