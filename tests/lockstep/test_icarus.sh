#!/usr/bin/env bash
# A second simulator: what went in and came out of a block in `espnic cosim --pins` goes through its RTL in Icarus, where a wire has
# four states and an X counts as a difference. The engine is slow there (test_aes_gcm.sh has it by itself): CYCLES=N for more.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lockstep/cosim_rig.sh
rtl=rtl_models

for tool in verilator g++ make iverilog; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "SKIP RTL in Icarus: no $tool"
        exit 0
    }
done

replay() { # FILE
    vvp -n "$work/vvp" "+pins=$1" >"$work/out" 2>&1
}

while IFS='|' read -r block cycles settings; do
    cycles=${CYCLES:-$cycles} given=() params=''
    for setting in $settings; do
        given+=(--param "$setting")
        params=$params${params:+,}".${setting%=*}(${setting#*=})"
    done
    name="$block${settings:+ $settings}"
    # So short a run may not have met everything: what counts is that nothing differs.
    "$espnic" cosim "$block" --cycles "$cycles" "${given[@]}" --pins "$work/pins" >"$work/out" 2>&1
    grep -q "^$block: $cycles cycles, no difference" "$work/out" || {
        not_ok "$name: the run to be repeated"
        continue
    }
    bash $rtl/pins.sh "$block" >"$work/pins.sv" &&
        iverilog -g2012 -o "$work/vvp" -s replay_tb -DLOCK="lock_$block" -DPINS="pins_${block}_pkg" -DPARAMS="$params" \
            -y $rtl -y $rtl/lockstep -Y .sv $rtl/*_pkg.sv "$work/pins.sv" $rtl/lockstep/replay_tb.sv >"$work/out" 2>&1 || {
        not_ok "$name: read by Icarus"
        continue
    }
    if replay "$work/pins" && grep -q "^replay_tb: $cycles cycles, no difference" "$work/out"; then
        ok "$name in Icarus: $cycles cycles, no difference"
    else
        not_ok "$name in Icarus"
    fi
done <<'END'
esp_rx|300|SA_TABLE=1
esp_tx|300|
csr|5000|TABLES=1
sa_table|5000|
esn_replay|5000|
esn_sequence|5000|
END

# Does it look at all? One bit of what is to come out is another; and what is no such file.
flip() { # bit 0 of the outputs in the last cycle
    awk 'NR > 1 { print last } { last = $0 } END { sub(/.$/, "", $2); print $1, $2 "9", $3 }' "$1"
}
"$espnic" cosim esn_sequence --cycles 500 --pins "$work/pins" >/dev/null 2>&1
flip "$work/pins" >"$work/flipped"
if ! cmp -s "$work/pins" "$work/flipped" && ! replay "$work/flipped" && grep -q 'replay_tb: cycle 499: pin_out is' "$work/out"; then
    ok "a bit that is another is noticed"
else
    not_ok "a bit that is another is noticed"
fi
head -n 100 "$work/pins" >"$work/cut"
echo 'a b' >>"$work/cut"
if ! replay "$work/cut" && grep -q 'line 101 is not three numbers' "$work/out"; then
    ok "a line that is none is refused"
else
    not_ok "a line that is none is refused"
fi
expect "pins into a folder that is not there: refused" 2 'cannot write' esn_sequence --cycles 500 --pins "$work/none/pins"
expect "pins on standard output: refused" 2 'standard output is for the result' esn_sequence --pins -
exit "$failed"
