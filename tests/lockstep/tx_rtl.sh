#!/usr/bin/env bash
# The RTL of esp_tx as a library, made anew if a source is younger.
#
# usage: tx_rtl.sh OUT.so NAME=VALUE...      (from the project root); exit status as verilate.sh
set -eu
so=$1
shift
sources=(rtl_models sim/nic/pins_esp_tx.def sim/engine/block.h)
if [ -e "$so" ] && [ -z "$(find "${sources[@]}" -type f -newer "$so")" ]; then
    exit 0
fi
mkdir -p "$(dirname "$so")"
exec bash rtl_models/verilate.sh esp_tx "$so" "$@"
