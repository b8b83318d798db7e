#!/usr/bin/env bash
# How large are the blocks? Synthesis by yosys for a few parameters each, into AREA.md beside this script; takes long.
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

# One module with an instance of each point: what several of them are made of is mapped once.
wrapper() {
    local n=0 module settings s list
    echo 'module area_points;'
    while IFS='|' read -r module settings; do
        n=$((n + 1))
        list=''
        for s in $settings; do list="$list${list:+, }.${s%=*}(${s#*=})"; done
        echo "  (* keep *) $module ${list:+#($list)} p$n ();"
    done <<<"$chosen"
    echo endmodule
}

# Each module is mapped by itself, once for all of its instances: so nothing is optimised across their borders, and the largest
# blocks take minutes instead of hours.
map_all() {
    yosys -q -p "read_verilog -sv -defer $(echo *_pkg.sv) $(echo *.sv | tr ' ' '\n' | grep -v _pkg.sv | tr '\n' ' ') $work/points.sv; \
        hierarchy -top area_points; proc -norom; opt -fast; write_ilang $work/words.il; \
        memory -nomap; opt -full; techmap; opt -fast; simplemap; dfflegalize -cell \$_DFF_P_ x; \
        abc -g simple; opt_clean; write_ilang $work/gates.il; tee -q -o $work/names dump area_points" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        echo "yosys fails" >&2
        return 1
    }
}

# The figures of instance number $1, with all that it is made of.
figures() {
    local name
    name=$(sed -n "s/^ *cell \\(.*\\) \\\\p$1\$/\\1/p" "$work/names")
    yosys -q -p "read_ilang $work/words.il; tee -q -o $work/words stat -top $name; design -reset; \
        read_ilang $work/gates.il; tee -q -o $work/gates stat -top $name" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        echo "yosys has no $name" >&2
        return 1
    }
    # With modules inside, the totals are the last section of what yosys writes.
    awk -v module="$2" -v settings="$3" '
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

chosen=$(grep -v '^$' <<<"$points" | if [ -n "$only" ]; then grep "^$only|"; else cat; fi)
[ -n "$chosen" ] || {
    echo "no block $only in the list of points" >&2
    exit 2
}
wrapper >"$work/points.sv"
map_all || exit 1
{
    echo "# Area of the blocks"
    echo
    echo "Made by \`make area\` (rtl_models/area.sh); do not edit. $(yosys -V | sed 's/ (.*//'), \`abc -g simple\`, nothing of"
    echo "a technology. kGE: thousands of NAND gates, with AND and OR at 1.33, XOR and MUX at 2.33, NOT at 0.67, a flip-flop at 6;"
    echo "memories (arrays that are indexed) are counted in bits beside that, with their ports as given."
    echo
    echo "| block | parameters | flip-flops | AND, OR | XOR | MUX | NOT | kGE | memory bits |"
    echo "|---|---|---|---|---|---|---|---|---|"
    n=0
    while IFS='|' read -r module settings; do
        n=$((n + 1))
        figures "$n" "$module" "$settings" || exit 1
    done <<<"$chosen"
} >"$work/AREA.md" || exit 1
if [ "${1:-}" = -n ]; then
    cat "$work/AREA.md"
else
    cp "$work/AREA.md" AREA.md
fi
