#!/usr/bin/env bash
# espnic sweep as a user meets it: refusals before anything runs, columns, rows that fail, a sweep that is stopped,
# crashes, goes on.
set -u
suite=sweep
. tests/cli_rig.sh
vpn=$samples/vpn-gateway.yaml

refused() { refuses sweep "$@"; }
bad() { # PATTERN ARG...: with the sample's scenario
    local pattern=$1
    shift
    verdict "$* is refused" refused "^espnic sweep: $pattern" "$vpn" "$@"
}

# ---- what is refused ---------------------------------------------------------------------------------

bad 'nothing to vary: expected KEY=VALUES'
bad 'card.crypto.widht=1B: unknown key card.crypto.widht, did you mean card.crypto.width\?' card.crypto.widht=1B
bad 'laod=max: unknown key laod, did you mean load\?' laod=max
bad 'capacity=1: unknown key capacity; the nearest known key is ' capacity=1
bad 'card.crypto=1: card.crypto is a group of parameters, expected one of them' card.crypto=1
bad '=5: found no key, expected KEY=VALUES' =5
bad 'outputs.report=a: found an output of a run' outputs.report=a
bad 'no-preload=on: unknown key no-preload, did you mean preload\?' no-preload=on
bad 'card.crypto.width=2,4: card.crypto.width: found "2", which has no unit' card.crypto.width=2,4
bad 'card.crypto.width=2B,2Gbps: .*unknown unit "Gbps"' card.crypto.width=2B,2Gbps
bad 'card.crypto.engines=1,: .*found "", expected a whole number' card.crypto.engines=1,
bad 'card.crypto.engines=: .*found "", expected a whole number' card.crypto.engines=
bad 'card.pcie.mps=100B: .*found "100B", which is too small' card.pcie.mps=100B
bad 'card.pcie.mps=1KiB:1KiB:8KiB: .*found "5KiB", which is too large' card.pcie.mps=1KiB:1KiB:8KiB
bad 'card.sa.storage=onchip: .*expected on-chip, .*did you mean on-chip' card.sa.storage=onchip
bad 'timing-only=maybe: .*expected true or false' timing-only=maybe
bad 'load=recorded,fast: workload.load: found "fast", expected recorded, max' load=recorded,fast
bad 'load=1Gbps:1:2Gbps: workload.load: found "1", which has no unit' load=1Gbps:1:2Gbps
bad 'pace=max: workload.pace: found "max"' pace=max
bad 'card.crypto.engines=8:1:2: .*found an empty range from 8 to 2' card.crypto.engines=8:1:2
bad 'card.crypto.engines=1:0:4: .*expected a step above 0' card.crypto.engines=1:0:4
bad 'card.crypto.engines=1:x1:4: .*expected a factor of 2 or more' card.crypto.engines=1:x1:4
bad 'stop.packets=0:x2:4: .*expected a first value above 0' stop.packets=0:x2:4
bad 'card.crypto.engines=1:2: .*expected MIN:STEP:MAX or MIN:xN:MAX' card.crypto.engines=1:2
bad 'card.crypto.engines=1:1:2:3: .*expected MIN:STEP:MAX or MIN:xN:MAX' card.crypto.engines=1:1:2:3
bad 'card.crypto.engines=1:-1:4: .*which is negative' card.crypto.engines=1:-1:4
bad 'card.crypto.engines=1,0x1: .*found 1 a second time' card.crypto.engines=1,0x1
bad 'card.crypto.engines=2: found card.crypto.engines a second time' card.crypto.engines=1 card.crypto.engines=2
bad 'workload.load=max: found workload.load a second time' load=max workload.load=max
bad 'workload.load: found it varied and set by --load' load=max --load 10Gbps
bad 'card.crypto.engines: found it varied and set by --set' card.crypto.engines=1 --set card.crypto.engines=2
bad 'preset: found it varied and set by --preset' preset=cx7-like --preset cx7-like
bad 'preset=cx7-like,nix: .*found "nix", which is not a known preset' preset=cx7-like,nix
bad 'card.crypto.engines=1:1:200: .*which is too large' card.crypto.engines=1:1:200 stop.packets=1:1:100
bad 'stop.packets=0:1:10000: found more than 10000 points in all.*--max-points' stop.packets=0:1:10000
bad 'loop=1:1:101: found more than 10000 points' stop.packets=1:1:100 loop=1:1:101
bad 'stop.packets=1,2: found more than 5 points' loop=1:1:3 --max-points 5 stop.packets=1,2
bad 'stop.packets=1:1:18446744073709551615: found more than' stop.packets=1:1:18446744073709551615
bad '--max-points: found 0, expected 1 to 10000000' loop=1 --max-points 0
bad '--jobs: found 0, expected 1 to 1024' loop=1 --jobs 0
bad '--jobs: found "two", expected a whole number' loop=1 --jobs two
bad '--share: found "5", which has no unit' loop=1 --share 5
bad '--share: found more than there is address space' loop=1 --share 8000000TiB
bad '--point-time: found 1ms, expected 1s to' loop=1 --point-time 1ms
bad '--find: found "x", expected loss=0' loop=1 --find x
bad '--ideal: found "cripto", expected one of: host, wire, .*crypto' loop=1 --ideal cripto
bad '--columns: found "rx.gps", which is no statistic of a report, did you mean rx.gbps\?' loop=1 --columns rx.gps
bad '--columns: found "xx\*", which matches no statistic' loop=1 --columns 'xx*'
bad '--columns: found rx.gbps a second time' loop=1 --columns 'rx.gbps,rx.*'
bad '--columns: found bottleneck.block, expected it only with --experiments' loop=1 --columns bottleneck.block
bad '--columns: found find.gbps, expected it only with --find' loop=1 --columns find.gbps
bad '--columns: .*did you mean host.core0.busy_ps' loop=1 --columns host.core99.busy_ps
bad 'unknown option --report' loop=1 --report x
bad 'found a second scenario: "b.yaml"' b.yaml loop=1
bad '--json and --csv -: found both' loop=1 --json --csv -
bad '--csv and --resume: found two files' loop=1 --csv a --resume b
bad '/no/x: cannot write' loop=1 --csv /no/x
bad '--plot: cannot write /no/x' loop=1 --plot /no/x
bad 'none.csv: cannot read' loop=1 --resume none.csv
bad 'none.pcap: cannot open' loop=1 --rx none.pcap
bad 'none.pcap: cannot open' rx=none.pcap
bad '.*vpn-gateway-rx.pcap: filter "foo": ' rx-filter=foo,udp
bad 'no point is possible; the first: card.bus: found 24' card.bus=24B,48B
verdict "no scenario is refused" refused 'no point is possible; the first: nothing to do' loop=1,2
verdict "a missing scenario is refused" refused 'none.yaml: cannot read the scenario' none.yaml loop=1
verdict "a wrong scenario is refused" refused "$work/wrong.yaml:1:1: unknown key" \
    "$(echo 'crad: {}' >wrong.yaml && echo "$work/wrong.yaml")" loop=1
cp "$samples/vpn-gateway-rx.pcap" in.pcap
head -c 100000 in.pcap >cut.pcap
ln -s in.pcap alias.pcap
bad '"alias.pcap" is an input and cannot be written' rx=in.pcap --csv alias.pcap
bad '"x" is named for two outputs' loop=1 --csv x --plot x
verdict "the input is untouched" cmp in.pcap "$samples/vpn-gateway-rx.pcap"
bad 'cut.pcap: record [0-9]+: ' rx=in.pcap,cut.pcap
verdict "nothing was written" [ ! -e x ]
bad 'rx=in.pcap,1:in.pcap: found files of workload.rx and workload.rx1, expected those of one port' \
    rx=in.pcap,1:in.pcap
bad 'no point is possible; the first: workload.rx1: found a file for port 1, but the card has 1' rx=1:in.pcap,1:cut.pcap
bad '"in.pcap" is an input and cannot be written' loop=1,2 --set card.ports=2 --rx 1:in.pcap --csv in.pcap
bad 'cut.pcap: record [0-9]+: ' rx=1:in.pcap,1:cut.pcap --set card.ports=2
bad '--columns: found "ports.4.rx.packets", which is no statistic' loop=1 --columns ports.4.rx.packets
made=(--preset generic-100g --set traffic.profile=mno)
verdict "a profile that is none is refused" refused 'traffic.profile: found "mnos", expected six-bucket, mno' \
    --preset generic-100g traffic.profile=mno,mnos --timing-only --packets 10
verdict "made traffic that never ends is refused" refused 'no point is possible; .*neither stop.packets nor stop.time' \
    "${made[@]}" --timing-only traffic.tunnels=1,2
verdict "made traffic with contents is refused" refused 'no point is possible; .*workload.timing_only is false' \
    "${made[@]}" --packets 10 traffic.tunnels=1,2

# ---- rows --------------------------------------------------------------------------------------------

# rows STATUS ARG...: a sweep of the sample into out and err.
rows() {
    local want=$1
    shift
    "$espnic" sweep "$vpn" --timing-only "$@" >out 2>err </dev/null
    local got=$?
    cat err out
    [ "$got" -eq "$want" ]
}
keys() { # the keys of out, a row a line
    cut -d, -f"1-$1" out | tail -n +2 | tr '\n' ' '
}
few=(--packets 200)
verdict "a list, counts with Ki" rows 0 card.sa.table.capacity=512,1Ki,2Ki "${few[@]}"
verdict "its values" [ "$(keys 1)" = '512 1024 2048 ' ]
verdict "a range, the end not met" rows 0 card.pcie.tags=32:32:100 "${few[@]}"
verdict "its values" [ "$(keys 1)" = '32 64 96 ' ]
verdict "a geometric range, sizes" rows 0 card.crypto.width=1B:x2:8B "${few[@]}"
verdict "its values" [ "$(keys 1)" = '1B 2B 4B 8B ' ]
verdict "rates, words and a range in one list" rows 0 load=max,10Gbps:500Mbps:11Gbps "${few[@]}"
verdict "its values" [ "$(keys 1)" = 'max 10Gbps 10.5Gbps 11Gbps ' ]
verdict "short names stand for their paths" grep -q '^workload.load,rx.gbps,' out
verdict "times from 0" rows 0 stop.warmup=0:1us:2us "${few[@]}"
verdict "its values" [ "$(keys 1)" = '0ps 1us 2us ' ]
verdict "the last key changes fastest" rows 0 loop=1,2 card.crypto.engines=1,2 stop-time=1ms,2ms "${few[@]}"
verdict "its rows" [ "$(keys 3)" = '1,1,1ms 1,1,2ms 1,2,1ms 1,2,2ms 2,1,1ms 2,1,2ms 2,2,1ms 2,2,2ms ' ]
verdict "the default columns" [ "$(head -1 out)" = "workload.loop,card.crypto.engines,stop.time,rx.gbps,rx.mpps,rx.loss,\
rx.latency_ns.p50,rx.latency_ns.p99,tx.gbps,tx.mpps,tx.loss,tx.latency_ns.p50,tx.latency_ns.p99,sa.hits,sa.misses,\
sa.adds_per_s,sa.add_latency_ns.p99,sa.rx_in_software,sa.tx_in_software,error" ]
verdict "columns, also a pattern" rows 0 loop=1 --columns 'sa.hits,rx.*_in,host.core3.oids' "${few[@]}"
verdict "its columns" [ "$(head -1 out)" = workload.loop,sa.hits,rx.packets_in,rx.bytes_in,host.core3.oids,error ]
verdict "columns of the second of a kind, also a pattern" rows 0 card.ports=1,2 \
    --columns 'ports.1.rx.p*,host.core3.o*,blocks.mac_tx.1.i*' "${few[@]}"
verdict "its columns" [ "$(head -1 out)" = card.ports,ports.1.rx.packets,host.core3.oids,blocks.mac_tx.1.items,error ]
verdict "its rows" [ "$(tail -n +2 out | tr '\n' ' ')" = '1,,0,, 2,0,0,0, ' ]
verdict "what a point has not is empty" rows 0 host.cores=1,4 --columns host.core3.oids "${few[@]}"
verdict "its rows" [ "$(tail -n +2 out | tr '\n' ' ')" = '1,, 4,0, ' ]
verdict "a file of the second port" rows 1 card.ports=1,2 --rx 1:in.pcap --columns ports.1.rx.packets "${few[@]}"
verdict "a card without that port says so" grep -q '^1,,"workload.rx1: found a file for port 1, but the card has 1' out
verdict "the other got it" grep -qE '^2,[1-9][0-9]*,$' out
verdict "files of a port" rows 0 rx=1:in.pcap,1:alias.pcap card.ports=2 "${few[@]}"
verdict "its key and values" [ "$(keys 2)" = 'in.pcap,2 alias.pcap,2 ' ]
verdict "its path" grep -q '^workload.rx1,card.ports,' out
verdict "gateways" rows 0 forward=none,hairpin --columns forward.packets,blocks.forward.items "${few[@]}"
verdict "a card that does not forward" grep -qx 'none,0,0,' out
verdict "one that does" grep -qE '^hairpin,[1-9][0-9]*,[1-9][0-9]*,$' out
verdict "outputs of a port are not written" rows 0 loop=1 --set outputs.tx_out0=never.pcap "${few[@]}"
verdict "and it says so, too" grep -q 'outputs that the scenario or --set names are not written' err
verdict "a filter" rows 0 'rx-filter=ip and udp' "${few[@]}"
verdict "columns with what limits" rows 0 card.crypto.width=1B --set card.crypto.engines=1 --load max \
    --experiments 2 --packets 1000
verdict "its columns" grep -q ',bottleneck.block,bottleneck.headroom,error$' out
verdict "its block" grep -q ',crypto,' out
verdict "columns with the rate found" rows 0 card.crypto.width=1B --find loss=5% "${few[@]}"
verdict "its column" grep -q ',find.gbps,error$' out
verdict "the scenario's outputs are not written" rows 0 loop=1 --set outputs.report=never.json "${few[@]}"
verdict "and it says so" grep -q 'outputs that the scenario or --set names are not written' err
verdict "no never.json" [ ! -e never.json ]
verdict "--csv FILE" rows 0 loop=1,2 --csv rows.csv "${few[@]}"
verdict "nothing on stdout" [ ! -s out ]
verdict "three lines" [ "$(wc -l <rows.csv)" -eq 3 ]
verdict "--csv FILE --json" rows 0 loop=1,2 --csv rows.csv --json "${few[@]}"
verdict "lines of JSON" [ "$(grep -c '^{"workload.loop": [12], "rx.gbps": [0-9.]*, .*"error": null}$' out)" -eq 2 ]
verdict "a point that fails: status 1" rows 1 card.bus=24B,32B "${few[@]}"
verdict "its row" grep -q '^24B,,,.*,"card.bus: found 24, expected a power of two, 8 to 512"$' out
verdict "the other is there" grep -q '^32B,[0-9.]*,.*,$' out
verdict "it is summed up" grep -q '1 of 2 points failed; the first: card.bus=24B: card.bus: found 24' err
verdict "an error of the run: status 1" rows 1 strict=true,false --preset ixgbe-82599
verdict "its row is one line" [ "$(wc -l <out)" -eq 3 ]
verdict "its row says where" grep -qE '^true,.*vpn-gateway.jsonl:3: rule 3: ' out
verdict "no rate loses so little: status 1" rows 1 host.rx.packet=40ns,1ms --set host.rx.ring=16 --find loss=0 \
    --packets 500
verdict "its row" grep -q '^1ms,.*,loss is above 0 at every rate tried$' out
verdict "a point that takes too long" rows 1 loop=1,1000000 --point-time 2s --set workload.rx= --jobs 2
verdict "its row" grep -q '^1000000,.*,not done after 2 s of processor time$' out
verdict "--columns list" bash -c "'$espnic' sweep --columns list >list"
verdict "it has a unit and a definition" grep -qE '^rx.latency_ns.p99 +ns +99th percentile of: .*RX: last bit' list
verdict "it has all statistics of the report" bash -c "'$espnic' report --describe --json |
    grep -oE '^  \"[a-z0-9._]+\"' | tr -d ' \"' | while read -r path; do
        grep -qE \"^\$path(\.p99)? \" list || { echo \"\$path\"; exit 1; }; done"
verdict "it has blocks" grep -qE '^blocks.crypto_rx.busy +slot-cycles ' list

if [ -w /dev/full ]; then
    full() { "$espnic" sweep "$vpn" loop=1,2 "${few[@]}" --timing-only >/dev/full 2>err; [ $? -eq 2 ] && grep -q 'cannot write' err; }
    verdict "a full disk" full
else
    echo "SKIP sweep: full disk: no /dev/full"
fi
plotted() {
    "$espnic" sweep "$vpn" --timing-only "${few[@]}" card.crypto.engines=1,2 card.crypto.width=1B:x2:8B --plot "it's.gp" \
        >out 2>err && cat err && grep -q "card.crypto.width=8B" "it's.gp" && [ "$(grep -c '^\$c' "it's.gp")" -eq 16 ] &&
        ! grep -q '^set logscale' "it's.gp" && grep -qF "set output 'it''s.svg'" "it's.gp"
}
plotted_categories() {
    "$espnic" sweep "$vpn" --timing-only "${few[@]}" preset=cx7-like,generic-100g --plot p.gp --columns rx.gbps >out &&
        grep -qF "set xtics ('cx7-like' 0, 'generic-100g' 1)" p.gp
}
plotted_geometric() {
    "$espnic" sweep "$vpn" --timing-only "${few[@]}" card.crypto.width=8B,1B,4B,2B --plot g.gp --columns tx.gbps,tx.loss >out &&
        grep -q '^set logscale x 2' g.gp && [ "$(sed -n '/^\$c0/,/^EOD/p' g.gp | cut -d' ' -f1 | tr '\n' ' ')" = '$c0 1 2 4 8 EOD ' ]
}
verdict "a plot over numbers" plotted
verdict "a plot over a geometric series, out of order" plotted_geometric
verdict "a plot over categories" plotted_categories
if command -v gnuplot >/dev/null; then
    verdict "an image" grep -q '</svg>' p.svg
else
    echo "SKIP sweep: gnuplot's image: no gnuplot"
fi

# ---- going on with a sweep ---------------------------------------------------------------------------

design=(card.crypto.engines=1,2,4 load=recorded,20Gbps,max card.bus=24B,32B "${few[@]}")
verdict "a sweep to go on with" rows 1 "${design[@]}" --csv whole.csv
# goes_on NAME ROWS: what is in part.csv becomes whole.csv, with no more points simulated than needed.
goes_on() {
    verdict "goes on: $1" rows 1 "${design[@]}" --resume part.csv
    verdict "goes on: $1: the same bytes" cmp part.csv whole.csv
}
head -1 whole.csv >part.csv && goes_on "headings only"
head -7 whole.csv >part.csv && goes_on "the first rows"
sed '3d;5d;9,12d' whole.csv >part.csv && goes_on "rows are missing in between"
{ head -1 whole.csv; tail -n +2 whole.csv | tac; } >part.csv && goes_on "in another order"
head -c 900 whole.csv >part.csv && goes_on "the last row is cut off"
sed 's/$/\r/' whole.csv | head -5 >part.csv && goes_on "with the line ends of another system"
cp whole.csv part.csv && goes_on "it is whole"
unchanged() { # PATTERN: refused, and part.csv stays as it was
    cp part.csv before.csv
    refused "$1" "$vpn" --timing-only "${design[@]}" --resume part.csv && cmp part.csv before.csv
}
sed '1s/rx.mpps/rx.bytes_in/' whole.csv >part.csv
verdict "other columns are refused" unchanged 'part.csv:1: column 5: found rx.bytes_in, expected rx.mpps'
cut -d, -f2- whole.csv >part.csv
verdict "other keys are refused" unchanged 'part.csv:1: column 1: found workload.load, expected card.crypto.engines'
sed '3s/^1,/3,/' whole.csv >part.csv
verdict "a point of another sweep is refused" unchanged 'part.csv:3: found card.crypto.engines=3, expected a value of'
sed '3p' whole.csv >part.csv
verdict "a point twice is refused" unchanged 'part.csv:4: found a point a second time'
sed '3s/,[^,]*$//' whole.csv >part.csv
verdict "a short row is refused" unchanged 'part.csv:3: found 19 fields, expected 20'
sed '3s/,$/,"open/' whole.csv >part.csv
verdict "a broken quote is refused" unchanged 'part.csv:3: found a quote that does not end'
: >part.csv
verdict "an empty file is refused" unchanged 'part.csv:1?: found an empty file|part.csv:0: found an empty file'
sed '3s/,[0-9.]*,/,1.25,/3' whole.csv >part.csv
verdict "a row that is not of this sweep is refused" unchanged 'part.csv: found the row .*it was not changed'

# ---- stopped and crashed -------------------------------------------------------------------------------

if ! command -v python3 >/dev/null; then
    echo "SKIP sweep stopped: no python3"
    exit $failed
fi
cat >stop.py <<'PY'
"""stop.py PROGRAM SCENARIO CASE: a sweep of quick points and endless ones, stopped or hurt from outside."""
import os, signal, subprocess, sys, time

program, scenario, case = sys.argv[1:]
loops = ["1", "2", "1000000", "3", "4"] if case != "crash" else ["1", "1000000", "2"]
command = [program, "sweep", scenario, "--timing-only", "--set", "workload.rx=", "loop=" + ",".join(loops), "--jobs", "2",
           "--csv", case + ".csv", "--columns", "tx.packets_in"]
sweep = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                         start_new_session=True)

def children():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            if int(stat[1]) == sweep.pid and stat[0] != "Z":
                found.append(int(pid))
        except OSError:
            pass
    return found

def wait(what, condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    sweep.kill()
    sys.exit("waited in vain: " + what)

def lines():
    return open(case + ".csv").read().splitlines() if os.path.exists(case + ".csv") else []

# All quick points are done when only the endless one is left.
quick = 2 if case != "crash" else 1
wait("rows", lambda: len(lines()) == 1 + quick)
alone = []
def one_for_a_while(): # between two points it may be alone for a moment
    alone.append(children())
    return len(alone) >= 30 and all(len(c) == 1 and c == alone[-1] for c in alone[-30:])
wait("one process", one_for_a_while)
worker = children()[0]
if case == "crash":
    os.kill(worker, signal.SIGKILL)
elif case == "killed":
    sweep.kill()
else:
    number = getattr(signal, case)
    # as a terminal does: to all of the group
    os.killpg(sweep.pid, number)
said = sweep.communicate(timeout=60)[1]
print(sweep.returncode, said, *lines(), sep="\n")
wait("no process is left", lambda: not os.path.exists(f"/proc/{worker}"))
if case == "crash":
    assert sweep.returncode == 1 and "1 of 3 points failed; the first: workload.loop=1000000" in said
    assert [l.split(",")[0] for l in lines()[1:]] == ["1", "1000000", "2"]
    assert lines()[2].endswith(",,the process that simulated it was ended by signal 9 (Killed)")
elif case == "killed":
    assert [l.split(",")[0] for l in lines()[1:]] == ["1", "2"]
else:
    assert sweep.returncode == -number and "stopped: 4 of 5 points are done; --resume" in said, said
    assert [l.split(",")[0] for l in lines()[1:]] == ["1", "2", "3", "4"], lines()
PY
cat >terminal.py <<'PY'
"""terminal.py COMMAND...: its standard error is a terminal; say what comes there."""
import os, pty, subprocess, sys

master, slave = pty.openpty()
done = subprocess.Popen(sys.argv[1:], stderr=slave, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
os.close(slave)
done.communicate(timeout=120)
said = b""
while True:
    try:
        part = os.read(master, 65536)
    except OSError:
        break
    if not part:
        break
    said += part
print(said.decode())
assert done.returncode == 0
assert b"\r\x1b[Ksweep: 0 of 3 points" in said and b"sweep: 3 of 3 points, " in said and b"points/s, 100 %, 0:00 left" in said
assert said.endswith(b"\r\x1b[K"), "the line is taken away at the end"
PY
verdict "a line of progress on a terminal" python3 terminal.py "$espnic" sweep "$vpn" loop=1,2,3 --timing-only "${few[@]}"
rows 0 loop=1,2,3 "${few[@]}" >log
verdict "none in a pipe" [ ! -s err ]
verdict "Ctrl-C: rows so far, in order, no process left" python3 stop.py "$espnic" "$vpn" SIGINT
verdict "SIGTERM: the same" python3 stop.py "$espnic" "$vpn" SIGTERM
verdict "a worker that crashes: its row says so, the others are there" python3 stop.py "$espnic" "$vpn" crash
verdict "killed: rows so far, no process left" python3 stop.py "$espnic" "$vpn" killed
exit $failed
