#!/usr/bin/env bash
# Makes a bench of aes_gcm.sv with Verilator, unless it is there and newer than all that it is made from.
#
# usage: gcm_build.sh FOLDER BLOCKS DEPTH OVERHEAD STAGES_PER_ROUND      (from the project root; FOLDER/gcm_vectors)
set -eu
out=$1 blocks=$2 depth=$3 overhead=$4 stages=$5
rtl=$PWD/rtl_models
mkdir -p "$out"
if [ -x "$out/gcm_vectors" ] && [ -z "$(find rtl_models tests/lockstep/gcm_* -newer "$out/gcm_vectors")" ]; then
    exit 0
fi
${VERILATOR:-verilator} --cc -O3 --x-assign fast --x-initial fast --assert --prefix Vgcm --top-module aes_gcm \
    -Wall "-I$rtl" "-GBLOCKS=$blocks" "-GDEPTH=$depth" "-GOVERHEAD=$overhead" "-GSTAGES_PER_ROUND=$stages" -GTAG_W=32 \
    ${GCM_VERILATE:-} "$rtl/aes_gcm_pkg.sv" "$rtl/aes_gcm.sv" --build -j 1 -MAKEFLAGS "OPT_FAST='-O3' OPT_GLOBAL='-O2'" \
    -Mdir "$out" >"$out/verilate.log" 2>&1 || { cat "$out/verilate.log" >&2; exit 1; }
include=$(${VERILATOR:-verilator} --getenv VERILATOR_ROOT)/include
# The runtime's files have warnings of their own.
g++ -O2 -Wall -isystem "$include" -isystem "$include/vltstd" -isystem "$out" "-DBLOCKS=$blocks" "-DDEPTH=$depth" \
    "-DOVERHEAD=$overhead" "-DSTAGES=$stages" tests/lockstep/gcm_vectors.cpp "$out/Vgcm__ALL.a" \
    "$include/verilated.cpp" "$include/verilated_threads.cpp" -o "$out/gcm_vectors" -pthread -latomic -lcrypto -ljansson
