#!/usr/bin/env bash
# How much of the RTL do the lockstep runs reach? Every set of block.sets (SETS a block, all without) runs CYCLES cycles with line
# coverage; what they have reached together is written beside the lines of a copy of the RTL, and said for each file; coverage.reasons says why lines are not reached.
#
# usage: [CYCLES=N] [SETS=N] bash tests/lockstep/coverage.sh [BLOCK...]      (make coverage; results in build/coverage)
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
espnic=${ESPNIC:-build/espnic}
build=${BUILD:-build}
export ESPNIC_RTL_CACHE=${ESPNIC_RTL_CACHE:-$(realpath "$build")/rtl}
cycles=${CYCLES:-200000}
out=$build/coverage
for tool in verilator verilator_coverage g++ make; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "SKIP coverage of the RTL: no $tool (Debian packages verilator, g++ and make)"
        exit 0
    }
done
rm -rf "$out"
mkdir -p "$out"
blocks=${*:-$("$espnic" cosim --list | sed -n 's/^\([a-z_0-9]*\): .*/\1/p')}
runs=0 failed=0
for block in $blocks; do
    while IFS='|' read -r _ settings; do
        params=()
        for setting in $settings; do params+=(--param "$setting"); done
        runs=$((runs + 1))
        "$espnic" cosim "$block" --cycles "$cycles" --seed "$runs" --coverage "$out/$block-$runs.dat" "${params[@]}" \
            >"$out/log" 2>&1 || {
            cat "$out/log"
            echo "$block $settings: it has failed" >&2
            failed=1
        }
    done < <(grep -m "${SETS:-1000}" "^$block|" tests/lockstep/block.sets)
done
verilator_coverage --write "$out/merged.dat" "$out"/*.dat >"$out/log" 2>&1 &&
    verilator_coverage --annotate-all --annotate-min 1 --annotate "$out/annotated" "$out/merged.dat" >>"$out/log" 2>&1 || {
    cat "$out/log"
    exit 1
}
# A line that counts begins with its count, behind % if that is less than 1. What only the harness has is left out, and what
# only says that the next point is meant.
for file in "$out"/annotated/*.sv; do
    name=$(basename "$file")
    [[ $name != lock_* && $name != pins_* ]] || continue
    awk -v name="$name" -v reasons=tests/lockstep/coverage.reasons '
        BEGIN {
            while ((getline line <reasons) > 0) {
                if (line ~ /^#/ || split(line, word, "|") < 3 || word[1] != name) continue
                part[++known] = word[2]
                why[known] = word[3]
            }
        }
        function reason(line,   r) {
            for (r = 1; r <= known; r++) {
                if (index(line, part[r])) {
                    used[r] = 1
                    return why[r]
                }
            }
            return "NOT EXPLAINED"
        }
        /verilator_coverage: \(next point/ { next }
        /^%[0-9]+/ {
            all++
            line = substr($0, 9)
            sub(/^[ \t]+/, "", line)
            missed = missed sprintf("    %s:%d: %s\n        %s\n", name, NR, line, reason(line))
        }
        /^ [0-9]+/ { all++; reached++ }
        END {
            if (all) printf "%-24s %4d of %4d  %5.1f %%\n%s", name, reached, all, 100 * reached / all, missed
            for (r = 1; r <= known; r++) if (!used[r]) printf "    reached after all: %s\n", part[r]
        }' "$file"
done
echo "$runs runs of $cycles cycles; the counts beside the lines: $out/annotated"
exit "$failed"
