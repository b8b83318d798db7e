#!/usr/bin/env bash
# What the RTL's own README promises, as far as reading shows it: a parameter has one default, in the C block's table, in the wrapper
# and in the module; combinational processes that read what they write are always @*; a file has one module, which bears its name.
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
espnic=${ESPNIC:-build/espnic}
rtl=rtl_models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

tell() { # STATUS NAME; what is wrong stands in $work/wrong
    if [ "$1" = 0 ]; then
        echo "ok $2"
    else
        cat "$work/wrong"
        echo "not ok $2"
        failed=1
    fi
}

# Parameters of a module as NAME VALUE.
parameters() {
    sed -n '/^module/,/^) (/s/^ *parameter int *\([A-Z_0-9]*\) *= *\([0-9]*\).*/\1 \2/p' "$1" | sort
}

"$espnic" cosim --list | awk '/^[a-z]/ { sub(/:.*/, ""); block = $0; next } { print block, $1, $2 }' >"$work/tables"
for block in $(cut -d' ' -f1 "$work/tables" | uniq); do
    awk -v block="$block" '$1 == block { print $2, $3 }' "$work/tables" | sort >"$work/c"
    parameters "$rtl/lockstep/lock_$block.sv" >"$work/lock"
    parameters "$rtl/$block.sv" >"$work/module"
    # every parameter of the table is one of the wrapper; where two have the same one, it has the same default
    {
        join -v1 "$work/c" "$work/lock" | sed 's/^/not in the wrapper: /'
        join "$work/c" "$work/lock" | awk '$2 != $3 { print $1 ": C has " $2 ", the wrapper " $3 }'
        join "$work/c" "$work/module" | awk '$2 != $3 { print $1 ": C has " $2 ", the module " $3 }'
        join "$work/lock" "$work/module" | awk '$2 != $3 { print $1 ": the wrapper has " $2 ", the module " $3 }'
        [ -s "$work/c" ] && [ -s "$work/lock" ] && [ -s "$work/module" ] || echo "no parameters found"
    } >"$work/wrong"
    [ ! -s "$work/wrong" ]
    tell $? "$block: $(wc -l <"$work/c") parameters, one default each"
done

awk -f tests/lockstep/comb.awk "$rtl"/*.sv "$rtl"/lockstep/*.sv >"$work/wrong"
[ ! -s "$work/wrong" ]
tell $? "no always_comb reads what it writes"
# ... which would be seen.
printf '%s\n' '  always_comb begin' '    sum = a;' '    if (b) sum = sum + 1;' '  end' >"$work/bad.sv"
awk -f tests/lockstep/comb.awk "$work/bad.sv" >"$work/wrong"
[ "$(cat "$work/wrong")" = "$work/bad.sv:1: sum" ]
tell $? "an always_comb that does is seen"

: >"$work/wrong"
for file in "$rtl"/*.sv "$rtl"/lockstep/*.sv; do
    name=$(basename "$file" .sv)
    [ "$(grep -cE '^(module|package) ' "$file")" = 1 ] && grep -qE "^(module|package) $name\b" "$file" || echo "$file" >>"$work/wrong"
done
[ ! -s "$work/wrong" ]
tell $? "one module a file, of its name"
exit "$failed"
