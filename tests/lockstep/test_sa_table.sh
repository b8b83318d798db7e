#!/usr/bin/env bash
# sa_table: the C blocks and the RTL agree in every cycle, for each line of sa_table.sets; parameters that are none end
# the elaboration, and yosys and Icarus read the RTL too.
set -u
here=tests/lockstep
rtl=rtl_models
sources=("$rtl"/sa_table.sv "$rtl"/sa_hash.sv "$rtl"/sa_way.sv "$rtl"/lane.sv "$rtl"/channel.sv)
export ESPNIC_RTL_CACHE=${ESPNIC_RTL_CACHE:-$BUILD/rtl}
log=$(mktemp)
trap 'rm -rf "$log" "$log.vvp"' EXIT

tell() { # STATUS NAME
    if [ "$1" = 0 ]; then
        echo "ok $2"
    else
        cat "$log"
        echo "not ok $2"
    fi
}

if command -v verilator >/dev/null 2>&1; then
    while read -r set; do
        arguments=()
        for p in $set; do arguments+=(--param "$p"); done
        "$ESPNIC" cosim sa_table --cycles "${CYCLES:-200000}" --seed "${SEED:-1}" "${arguments[@]}" >"$log" 2>&1
        tell $? "lockstep with $set"
    done <"$here/sa_table.sets"
else
    echo "SKIP lockstep: verilator is missing"
fi

if command -v iverilog >/dev/null 2>&1; then
    iverilog -g2012 -o "$log.vvp" -s sa_table "${sources[@]}" >"$log" 2>&1
    tell $? "Icarus reads it"
    for bad in MEMORIES=5 BUCKETS=12 WAYS=17 STASH=65 LOOKUP_PACE=0 ADD_CYCLES=0 COMMANDS=257 LOOKUP_PORT=2; do
        iverilog -g2012 -o "$log.vvp" -s sa_table -P"sa_table.$bad" "${sources[@]}" >"$log" 2>&1 &&
            timeout 60 vvp -n "$log.vvp" >>"$log" 2>&1
        grep -q "${bad%=*} is ${bad#*=}, must be" "$log"
        tell $? "$bad is refused"
    done
else
    echo "SKIP Icarus: iverilog is missing"
fi

if command -v yosys >/dev/null 2>&1; then
    yosys -q -p "read_verilog -sv ${sources[*]}; hierarchy -top sa_table; proc; check -assert" >"$log" 2>&1
    tell $? "yosys reads it"
else
    echo "SKIP yosys: it is missing"
fi
