#!/usr/bin/env bash
# Make a block's RTL a shared library that `espnic cosim` loads.
#
# usage: rtl_models/verilate.sh BLOCK OUT.so [NAME=VALUE...]      OPTIONS as variables:
#   WAVE=1      with waveforms (slower)
#   COVERAGE=1  counts which lines and conditions were reached; the library writes OUT.so.d/coverage.dat
#   OPT=-O0    soon made, but slow
#   FAST=1      without the RTL's assertions, for measuring
#   GATES=1     what would be synthesised, without the forms that are there for a fast simulation only; for measuring
#   PINS=DIR    where pins_BLOCK.def lies   SHIM=DIR  block.h of the engine
#   RTL=DIR     other RTL: what is not in it, or in DIR/lockstep, is taken from this folder
# Any number of them may make the same library at a time: each works in a folder of its own beside OUT.so, and what is whole takes
# its place in one step. Verilator's own word on a mistake is shown, or the RTL's on parameters that are not allowed, and the exit
# status is 1; 3 if a tool is missing.
set -eu
block=$1 out=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
rtl=$(cd "${RTL:-$here}" && pwd)
pins=${PINS:-$here/../sim/nic}
include=${SHIM:-$here/../sim}
verilator=${VERILATOR:-verilator}
cxx=${CXX:-g++}
for tool in "$verilator" "$cxx" make; do
    command -v "$tool" >/dev/null 2>&1 || { echo "$tool is missing: install the Debian packages verilator, g++ and make" >&2; exit 3; }
done
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$(cd "$(dirname "$out")" && pwd)/$(basename "$out").XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
[ "${COVERAGE:-0}" != 1 ] || mkdir -p "$out.d"

bash "$here/pins.sh" "$block" "$pins" >"$work/pins_${block}_pkg.sv"

config="$*"
flags=()
for setting in "$@"; do flags+=("-G$setting"); done
[ "${WAVE:-0}" = 1 ] && flags+=(--trace)
[ "${COVERAGE:-0}" = 1 ] && flags+=(--coverage-line --coverage-user)
[ "${FAST:-0}" = 1 ] || flags+=(--assert)
[ "${GATES:-0}" = 1 ] && flags+=(-UVERILATOR)
folders=(-y "$rtl")
[ "$rtl" -ef "$here" ] || folders+=(-y "$here")
# The other RTL's if it has one of that name, or else ours.
either() { if [ -e "$rtl/$1" ]; then echo "$rtl/$1"; else echo "$here/$1"; fi; }
packages=()
while read -r name; do packages+=("$(either "$name")"); done < <(
    for p in "$rtl"/*_pkg.sv "$here"/*_pkg.sv; do [ ! -e "$p" ] || basename "$p"; done | LC_ALL=C sort -u)

"$verilator" --cc -O3 -Wall -Wno-PINCONNECTEMPTY --x-assign fast --x-initial fast "${folders[@]}" "${flags[@]}" \
    --prefix Vblock --top-module "lock_$block" -Mdir "$work/v" -CFLAGS -fPIC \
    "${packages[@]}" "$work/pins_${block}_pkg.sv" "$(either "lockstep/lock_$block.sv")" >"$work/verilator.log" 2>&1 ||
    { cat "$work/verilator.log" >&2; exit 1; }
sources=''
[ "$rtl" -ef "$here" ] || sources=$(tr ' ' '\n' <"$work/v/Vblock__ver.d" | while read -r file; do
    [[ $file != "$rtl"/* ]] || echo "${file#"$rtl"/}"
done | LC_ALL=C sort -u | tr '\n' ' ')
if ! [ "$rtl" -ef "$here" ] && [ -z "$sources" ]; then
    echo "nothing of $block is in $rtl: all of it would be espnic's own RTL" >&2
    exit 1
fi

# Verilator's own part is the same for all blocks: made once for these flags, beside the libraries. With it the program that
# looks whether a block begins: then parameters that are not allowed end here, with the block's own word on it.
defines=()
parts=(verilated verilated_threads)
[ "${WAVE:-0}" = 1 ] && { defines+=(-DSHIM_WAVE -DVM_TRACE=1); parts+=(verilated_vcd_c); }
[ "${COVERAGE:-0}" = 1 ] && { defines+=(-DSHIM_COVERAGE="\"$out.d/coverage.dat\"" -DVM_COVERAGE=1); parts+=(verilated_cov); }
root=$("$verilator" --getenv VERILATOR_ROOT)/include
compile=("$cxx" -fPIC "${OPT:--O2}" -std=c++17 "-I$root" "-I$root/vltstd")
runtime=$(dirname "$out")/verilator-$({ "$verilator" --version; "$cxx" --version; echo "${compile[@]}" "WAVE=${WAVE:-0} COVERAGE=${COVERAGE:-0}"; cat "$here/lockstep/load.cpp" "$include/engine/block.h"; } |
    cksum | tr ' ' -)

# Two may come at the same time: each makes its own, the first one in place stays.
make_runtime() {
    [ -d "$runtime" ] && return
    mkdir -p "$work/runtime"
    for part in "${parts[@]}"; do
        "${compile[@]}" "${defines[@]}" "-I$work/v" -c -o "$work/runtime/$part.o" "$root/$part.cpp" || return 1
    done
    "${compile[@]}" "-I$include" -o "$work/runtime/load" "$here/lockstep/load.cpp" -ldl || return 1
    mv -T "$work/runtime" "$runtime" 2>/dev/null || [ -d "$runtime" ]
}

{
    make -C "$work/v" -j2 -f Vblock.mk OPT_FAST="${OPT:--O3}" OPT_GLOBAL="${OPT:--O2}" OPT_SLOW=-O0 VM_PARALLEL_BUILDS=0 CXX="$cxx" Vblock__ALL.a &&
        make_runtime &&
        "${compile[@]}" -shared "-I$work/v" "-I$include" "${defines[@]}" \
            "-DSHIM_NAME=\"$block\"" "-DSHIM_CONFIG=\"$config\"" "-DSHIM_SOURCES=\"${sources% }\"" -o "$work/block.so" \
            "$here/lockstep/shim.cpp" "$work/v/Vblock__ALL.a" "$runtime"/*.o -pthread -latomic
} >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log" >&2; exit 1; }
"$runtime/load" "$work/block.so" "$config" >"$work/load.log" 2>&1 || { cat "$work/load.log" >&2; exit 1; }
mv -T "$work/block.so" "$out"
