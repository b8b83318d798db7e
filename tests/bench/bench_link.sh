#!/usr/bin/env bash
# What full detail of the PCIe link costs in packets/s, beside the first link of this program.
#
# The first link had rates, tags, latencies and bytes on the wire, but requests in one piece and no credits, DLLPs,
# completion space, repetition, errors or host behind it. It is not in the program any more: its last commit and the
# last one of the work that replaced it are taken from the repository's history, built below the build folder (kept
# there for the next time) and run in turn with the program as it is. Between those two commits only the link and what
# the card does about its errors changed, so their ratio is what the detail costs; the program as it is has other
# changes too. Same input, the sample's captures, timing only, 20 Gb/s each way; all three simulate the same packets.
# Times are processor time, less that of a run of one packet; medians of nine rounds.
set -eu
first=35ceddd full=34ad82f
espnic=$(realpath "${ESPNIC:-build/espnic}")
presets=$(realpath "${ESPNIC_PRESETS:-sim/presets}")
sample=$(realpath traces/samples)/vpn-gateway
old=$(dirname "$espnic")/bench-link
command -v python3 >/dev/null || { echo 'SKIP bench_link: no python3'; exit 0; }
for commit in $first $full; do
    git cat-file -e "$commit^{commit}" 2>/dev/null || { echo "SKIP bench_link: no commit $commit in the history here"; exit 0; }
    [ -x "$old/$commit/build/espnic" ] && continue
    mkdir -p "$old/$commit"
    git archive "$commit" | tar -x -C "$old/$commit"
    env -u MAKEFLAGS -u MAKELEVEL -u BUILD make -C "$old/$commit" >"$old/$commit.log" 2>&1 ||
        { echo "bench_link: commit $commit does not build, see $old/$commit.log" >&2; exit 1; }
done

python3 - "$sample" "$old/$first" "$old/$full" "$espnic" "$presets" <<'PY'
import os, re, resource, statistics, subprocess, sys

sample, first, full, espnic, presets = sys.argv[1:]
programs = [("the first link", first + "/build/espnic", first + "/sim/presets"),
            ("full detail, as it replaced it", full + "/build/espnic", full + "/sim/presets"),
            ("the program as it is", espnic, presets)]
ROUNDS, LOOP = 9, 20

def run(program, presets, *more):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run([program, "run", "--oids", sample + ".jsonl", "--preload", "--timing-only",
                          "--rx", sample + "-rx.pcap", "--tx", sample + "-tx.pcap", "--load", "20Gbps",
                          "--loop", str(LOOP), "--experiments", "0", *more],
                         env={**os.environ, "ESPNIC_PRESETS": presets}, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    digits = r"\d{1,3}(?: \d{3})*"
    packets = [int(m.replace(" ", "")) for m in re.findall(rf"^(?:RX|TX) +({digits})", out, re.M)]
    return seconds, sum(packets)

rates = {name: [] for name, _, _ in programs}
counts = set()
for _ in range(ROUNDS):
    for name, program, its_presets in programs:
        whole, packets = run(program, its_presets)
        start, _ = run(program, its_presets, "--packets", "1")
        rates[name].append(packets / (whole - start))
        counts.add(packets)
assert len(counts) == 1 and counts != {0}, counts
print(f"detail of the PCIe link beside the first link: {counts.pop()} packets, timing only, 20 Gb/s each way")
print("cost, times   million packets/s (least to most)")
plain = statistics.median(rates["the first link"])
for name, _, _ in programs:
    rate = statistics.median(rates[name])
    print(f"{plain / rate:11.2f} {rate / 1e6:9.4f} ({min(rates[name]) / 1e6:.4f} to {max(rates[name]) / 1e6:.4f})   {name}")
PY
