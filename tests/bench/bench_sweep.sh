#!/usr/bin/env bash
# A sweep of 60 points beside 60 runs of the same points: time, side by side, and the memory of all processes.
#
# Wall-clock time and processor time of: espnic run 60 times, one after the other; the same two at a time; espnic sweep
# with one process and with two. Memory is the proportional set size (PSS) of the sweep and its processes together,
# looked at every 10 ms, beside that of one run. The second input is the sample's capture 60 times over, of which each
# point simulates a part: there reading costs more than simulating.
set -eu
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
ESPNIC_PRESETS=$(realpath "$ESPNIC_PRESETS")
sample=$(realpath traces/samples)/vpn-gateway
command -v python3 >/dev/null || { echo 'SKIP bench_sweep: no python3'; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >bench.py <<'PY'
import glob, os, resource, struct, subprocess, sys, time

program, sample = sys.argv[1:]
engines, widths, loads = ["1", "2", "4"], ["1B", "2B", "4B", "8B", "16B"], ["20Gbps", "40Gbps", "60Gbps", "80Gbps"]
points = [["--set", f"card.crypto.engines={e}", "--set", f"card.crypto.width={w}", "--set", f"workload.load={l}"]
          for e in engines for w in widths for l in loads]
keys = ["card.crypto.engines=" + ",".join(engines), "card.crypto.width=" + ",".join(widths), "load=" + ",".join(loads)]

def run(options, at_a_time):
    waiting, running = list(points), []
    while waiting or running:
        while waiting and len(running) < at_a_time:
            running.append(subprocess.Popen([program, "run", *options, *waiting.pop(0), "--experiments", "0"],
                                            stdout=subprocess.DEVNULL))
        assert running.pop(0).wait() == 0

def sweep(options, jobs):
    subprocess.run([program, "sweep", *options, *keys, "--jobs", str(jobs)], check=True, stdout=subprocess.DEVNULL)

def pss(root):
    """kB of a process and its children."""
    total, pids = 0, [root]
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            words = open(stat).read().rsplit(")", 1)[1].split()
            if int(words[1]) == root:
                pids.append(int(stat.split("/")[2]))
        except OSError:
            pass
    for pid in pids:
        try:
            total += sum(int(l.split()[1]) for l in open(f"/proc/{pid}/smaps_rollup") if l.startswith("Pss:"))
        except OSError:
            pass
    return total

def peak(command):
    child, most = subprocess.Popen(command, stdout=subprocess.DEVNULL), 0
    while child.poll() is None:
        most = max(most, pss(child.pid))
        time.sleep(0.01)
    return most / 1024

def timed(name, function, *arguments):
    def used():
        u = resource.getrusage(resource.RUSAGE_CHILDREN)
        return u.ru_utime + u.ru_stime
    best = None
    for _ in range(3):
        wall, cpu = time.monotonic(), used()
        function(*arguments)
        took = time.monotonic() - wall, used() - cpu
        best = min(best, took) if best else took
    print(f"  {name:<34} {best[0]:7.2f} s  {len(points) / best[0]:7.1f} points/s  {best[1]:7.2f} s of processors")
    return best

def measure(what, options):
    print(what)
    one = timed("60 x espnic run, one at a time", run, options, 1)
    two = timed("60 x espnic run, two at a time", run, options, 2)
    single = timed("espnic sweep --jobs 1", sweep, options, 1)
    double = timed("espnic sweep --jobs 2", sweep, options, 2)
    print(f"  espnic sweep --jobs 2 is {one[0] / double[0]:.2f} times as fast as runs one at a time, "
          f"{two[0] / double[0]:.2f} times as two at a time; with one process {one[0] / single[0]:.2f} times")
    base = peak([program, "run", *options, *points[0], "--experiments", "0"])
    print(f"  memory, peak PSS: one run {base:.1f} MiB", end="")
    for jobs in 1, 2, 8:
        print(f"; sweep with {jobs}: {peak([program, 'sweep', *options, *keys, '--jobs', str(jobs)]):.1f}", end="")
    print(f"; with 2, inputs not shared: "
          f"{peak([program, 'sweep', *options, *keys, '--jobs', '2', '--share', '0']):.1f} MiB")

measure("the sample, clear packets sent, timing only", ["--preset", "generic-100g", "--oids", sample + ".jsonl",
        "--tx", sample + "-tx.pcap", "--timing-only"])

data = open(sample + "-tx.pcap", "rb").read()
with open("long.pcap", "wb") as f:
    f.write(data[:24])
    for i in range(60):
        at = 24
        while at < len(data):
            seconds, fraction, captured, length = struct.unpack_from("<IIII", data, at)
            f.write(struct.pack("<IIII", seconds + i, fraction, captured, length) + data[at + 16:at + 16 + captured])
            at += 16 + captured
measure(f"a capture of {os.path.getsize('long.pcap') >> 20} MiB, the first 1000 packets of it",
        ["--preset", "generic-100g", "--oids", sample + ".jsonl", "--tx", "long.pcap", "--packets", "1000", "--timing-only"])
PY
python3 bench.py "$espnic" "$sample"
