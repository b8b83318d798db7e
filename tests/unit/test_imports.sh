#!/usr/bin/env bash
# Imports point one way: cli -> report, host, traces -> nic -> pcie_model, sa_table, esp -> engine;
# and nothing but the agreed folders stands at the top. Read off the #include lines.
set -u
cd "$(dirname "$0")/../.." || exit 1

# The rank of a layer. A file may include its own folder and any layer of a lower rank; layers of one
# rank may include each other as long as that makes no circle.
declare -A rank=([engine]=0 [esp]=1 [sa_table]=1 [pcie_model]=1 [nic]=2 [host]=3 [report]=3
    [traces]=3 [cli]=4)

# The layer that a path (of a file, or as written in an include) belongs to; empty for the public
# header, which any folder from nic up may include, and which includes none of ours.
layer_of() {
    local p=${1#sim/}
    case $p in
    include/espnic.h | espnic.h) echo public ;;
    engine/* | esp/* | nic/* | host/* | report/* | cli/* | sa_table/* | pcie_model/* | traces/*) echo "${p%%/*}" ;;
    */*) echo unknown ;;
    *) echo same ;;
    esac
}

check_tree() {
    local file from line included to bad=0 lines=0 edges='' circle
    while IFS=: read -r file line included; do
        from=$(layer_of "$file")
        included=${included#*\"}
        included=${included%%\"*}
        to=$(layer_of "$included")
        lines=$((lines + 1))
        [ "$to" != same ] || to=$from
        [ "$to" != "$from" ] || continue
        if [ "$to" = unknown ]; then
            echo "$file:$line: includes \"$included\", which is in no folder of the map"
            bad=1
        elif [ "$from" = public ]; then
            echo "$file:$line: the public header includes \"$included\""
            bad=1
        elif [ "$to" = public ]; then
            [ "${rank[$from]}" -ge 2 ] || { echo "$file:$line: $from includes the public API"; bad=1; }
        elif [ "${rank[$to]}" -gt "${rank[$from]}" ]; then
            echo "$file:$line: $from includes \"$included\" of $to, against the direction"
            bad=1
        else
            edges+="$from $to"$'\n'
        fi
    done < <(grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' -r --include='*.[ch]' \
        sim sa_table pcie_model traces | LC_ALL=C sort)
    if ! circle=$(printf '%s' "$edges" | sort -u | tsort 2>&1 >/dev/null); then
        echo "folders include each other in a circle: $circle"
        bad=1
    fi
    [ "$lines" -gt 0 ] || { echo "no #include line found"; bad=1; }
    return $bad
}

check_top() {
    local entry bad=0
    while IFS= read -r entry; do
        case $entry in
        sim | rtl_models | sa_table | pcie_model | traces | tests | Makefile | README.md | LICENSE | .*) ;;
        *) echo "$entry: does not belong at the top level" && bad=1 ;;
        esac
    done < <(git ls-files 2>/dev/null | cut -d/ -f1 | LC_ALL=C sort -u)
    return $bad
}

check_sim() {
    local entry bad=0
    for entry in sim/*; do
        case ${entry#sim/} in
        engine | esp | nic | host | report | cli | presets | include | README.md) ;;
        *) echo "$entry: does not belong in sim" && bad=1 ;;
        esac
    done
    return $bad
}

status=0
verdict() { # NAME FUNCTION
    if "$2"; then echo "ok $1"; else echo "not ok $1" && status=1; fi
}
verdict import-direction check_tree
if git rev-parse --git-dir >/dev/null 2>&1; then
    verdict top-level check_top
else
    echo "SKIP top-level: not a git tree"
fi
verdict folders-of-sim check_sim
exit $status
