#!/usr/bin/env bash
# Where the RTL of espnic cosim comes from and goes to: which library is made anew when, other RTL of which only a part is there,
# waveforms and coverage.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
. tests/lockstep/cosim_rig.sh

# ---- a library is made anew when anything that it is made of is another ----------------------------------------------

# An installed espnic whose script only notes the name of the library that it is to make.
if ! make -s --no-print-directory install "BUILD=${BUILD:-build}" DEPS=0 PREFIX=/usr "DESTDIR=$work/root" >"$work/out" 2>&1; then
    not_ok "installed"
    exit 1
fi
share=$work/root/usr/share/espnic/rtl_models
# shellcheck disable=SC2016 # for the script
printf 'basename "$2" >>"%s"\nexit 1\n' "$work/made" >"$share/verilate.sh"
mkdir -p "$work/other" "$work/tools"
echo '// of mine' >"$work/other/lane.sv"
echo '// of mine' >"$work/other/old.v"
printf '#!/bin/sh\necho Verilator 9.999\n' >"$work/tools/verilator"
printf '#!/bin/sh\necho g++ 99\n' >"$work/tools/g++"
chmod +x "$work/tools/"*
asked() {
    : >"$work/made"
    "$work/root/usr/bin/espnic" cosim "$@" >/dev/null 2>&1
    cat "$work/made"
}
# NAME, same or another, what is done before (a command), ARGUMENTS: the library has the same name again, or another one.
library() {
    local name=$1 wanted=$2 change=$3 before after got
    shift 3
    before=$(asked "$@")
    eval "$change"
    after=$(asked "$@")
    unset VERILATOR CXX OPT
    [ "$before" = "$after" ] && got=same || got=another
    if [ -n "$before" ] && [ -n "$after" ] && [ "$got" = "$wanted" ]; then
        ok "$wanted library: $name"
    else
        echo "$before, then $after" >"$work/out"
        not_ok "$wanted library: $name"
    fi
}
export OPT=-O1
library "nothing is other" same true esn_replay
library "pins of another block" same "echo '/* */' >>$share/pins/pins_csr.def" esn_replay
for change in "pins|echo '/* */' >>$share/pins/pins_esn_replay.def" \
    "a module|echo '//' >>$share/lane.sv" \
    "a wrapper|echo '//' >>$share/lockstep/lock_esn_replay.sv" \
    "the program around it|echo '//' >>$share/lockstep/shim.cpp" \
    "the script|echo '#' >>$share/verilate.sh" \
    "block.h|echo '//' >>$share/include/engine/block.h" \
    "optimisation|export OPT=-O0" \
    "Verilator's version|export VERILATOR=$work/tools/verilator" \
    "the compiler's version|export CXX=$work/tools/g++"; do
    library "${change%%|*}" another "${change#*|}" esn_replay
done
library "pins of a part" another "echo '/* */' >>$share/pins/pins_esp_rx.def" ipsec_top
for change in "a module of other RTL|echo '//' >>$work/other/lane.sv" \
    "... in Verilog|echo '//' >>$work/other/old.v" \
    "our own RTL beside other RTL|echo '//' >>$share/channel.sv" \
    "our own program beside other RTL|echo '//' >>$share/lockstep/shim.cpp" \
    "our own script beside other RTL|echo '#' >>$share/verilate.sh"; do
    library "${change%%|*}" another "${change#*|}" esn_replay --rtl "$work/other"
done
export OPT=-O1

# ---- refused ------------------------------------------------------------------------------------------------------------

expect "other RTL in no folder: refused" 2 'no RTL in.*none.*No such file' esn_sequence --rtl "$work/none"
ESPNIC_RTL_CACHE=/dev/null/rtl expect "no folder for the libraries: refused" 2 'cannot make the folder "/dev/null/rtl".*Not a directory' \
    esn_sequence --cycles 100

for tool in verilator g++ make; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "SKIP other RTL, waveforms, coverage: no $tool"
        exit "$failed"
    }
done

# ---- other RTL of which only a part is there ------------------------------------------------------------------------------

mkdir -p "$work/part" "$work/nothing"
cp rtl_models/channel.sv "$work/part"
few=(esn_sequence --cycles 20000)
expect "other RTL, one module: the rest is ours" 0 'no difference' "${few[@]}" --rtl "$work/part"
also "... which is named" "^RTL of $work/part: channel\\.sv; all else"
(cd "$work" && "$espnic" cosim "${few[@]}" --rtl part/ >"$work/out" 2>&1) && ok "... by a relative name" || not_ok "... by a relative name"
# A channel with room for one beat less shows itself.
sed "s/free  <= CNT_W'(DEPTH);/free <= CNT_W'(DEPTH - 1);/" rtl_models/channel.sv >"$work/part/channel.sv"
expect "... and it is that module which runs" 1 'esn_sequence: cycle [0-9]*: .* differs' "${few[@]}" --rtl "$work/part"
cp rtl_models/csr.sv "$work/nothing"
expect "other RTL without anything of the block: refused" 2 'nothing of esn_sequence is in' "${few[@]}" --rtl "$work/nothing"
# Ours has been made for these parameters, and is none of the folder's.
mkdir -p "$work/above/rtl" "$work/void"
cp "$work/part/channel.sv" "$work/above/rtl"
expect "ours is there" 0 'no difference' "${few[@]}"
expect "an empty folder: refused all the same" 2 'nothing of esn_sequence is in' "${few[@]}" --rtl "$work/void"
expect "the folder above: refused" 2 'nothing of esn_sequence is in' "${few[@]}" --rtl "$work/above"

# ---- waveforms --------------------------------------------------------------------------------------------------------------

# Cycles in a VCD: what is drawn of each are its two edges.
drawn() { grep -c '^#' "$1"; }
expect "a waveform" 0 'no difference' esn_sequence --cycles 20000 --wave "$work/w.vcd"
if [ "$(drawn "$work/w.vcd")" = 200 ]; then ok "... of the last 100 cycles"; else
    drawn "$work/w.vcd" >"$work/out"
    not_ok "... of the last 100 cycles"
fi
expect "a waveform of a difference" 1 'differs' "${few[@]}" --rtl "$work/part" --wave "$work/w.vcd"
cycle=$(sed -n 's/^esn_sequence: cycle \([0-9]*\):.*/\1/p' "$work/out")
wanted=$((2 * ((cycle > 100 ? 100 : cycle) + 10)))
if [ "$(drawn "$work/w.vcd")" = "$wanted" ]; then ok "... up to 10 cycles behind it"; else
    echo "$(drawn "$work/w.vcd") edges, expected $wanted" >"$work/out"
    not_ok "... up to 10 cycles behind it"
fi

# ---- coverage -----------------------------------------------------------------------------------------------------------------

to=$work/c.dat
[ -d /dev/shm ] && [ -w /dev/shm ] && to=$(mktemp /dev/shm/espnic-XXXXXX)
expect "coverage, on another file system" 0 'no difference' esn_sequence --cycles 20000 --coverage "$to"
if grep -q 'esn_sequence.sv' "$to"; then ok "... is there"; else not_ok "... is there"; fi
[ "$to" = "$work/c.dat" ] || rm -f "$to"
if [ -w /dev/full ]; then
    expect "coverage without room" 2 '/dev/full.*No space' esn_sequence --cycles 20000 --coverage /dev/full
fi
cd "$root" || exit 1
exit "$failed"
