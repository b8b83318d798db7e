#!/usr/bin/env bash
# The pins of a block as a package of SystemVerilog: for each its lowest bit, and the widths of the two vectors.
#
# usage: rtl_models/pins.sh BLOCK [DIR]      DIR: where pins_BLOCK.def lies
set -eu
block=$1
here=$(cd "$(dirname "$0")" && pwd)
pins=${2:-}
for folder in "$here/pins" "$here/../sim/nic"; do
    [ -n "$pins" ] || [ ! -e "$folder/pins_$block.def" ] || pins=$folder
done
[ -e "${pins:-.}/pins_$block.def" ] || {
    echo "no block $block: no pins_$block.def in ${pins:-the folders of espnic}" >&2
    exit 1
}
awk -v block="$block" -v pins="$pins" '
    function pin(side, text, prefix,   word) {
        split(text, word, /[(), ]+/)
        printf "  localparam int %s_%s%s_LSB = %d;\n", side, prefix, word[2], width[side]
        width[side] += word[3]
    }
    # a block made of others: their pins, each part at a multiple of 32 bits
    function part(text,   word, file, line) {
        split(text, word, /[(), ]+/)
        for (s in width) width[s] += (32 - width[s] % 32) % 32
        file = pins "/pins_" word[3] ".def"
        while ((getline line <file) > 0) {
            if (line ~ /^IN\(/) pin("IN", line, word[2] "_")
            if (line ~ /^OUT\(/) pin("OUT", line, word[2] "_")
        }
    }
    BEGIN { print "/* verilator lint_off UNUSED */\npackage pins_" block "_pkg;" }
    /^IN\(/ { pin("IN", $0) }
    /^OUT\(/ { pin("OUT", $0) }
    /^PART\(/ { part($0) }
    END {
        # wide enough that both are arrays of words
        for (s in width) width[s] = width[s] > 65 ? width[s] : 65
        printf "  localparam int IN_BITS = %d;\n  localparam int OUT_BITS = %d;\nendpackage\n", width["IN"], width["OUT"]
    }' "$pins/pins_$block.def"
