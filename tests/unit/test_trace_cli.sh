#!/usr/bin/env bash
# espnic trace as a user meets it: messages, places, exit status.
set -u
espnic=${ESPNIC:-${BUILD:-build}/espnic}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# $1 name, $2 expected status, $3 expected output (stdout, then stderr), rest: arguments
expect() {
    local name=$1 status=$2 wanted=$3
    shift 3
    (cd "$work" && "$espnic" trace "$@" >out 2>err)
    local got=$?
    cat "$work/err" >>"$work/out"
    if [ "$got" = "$status" ] && [ "$(cat "$work/out")" = "$wanted" ]; then
        echo "ok $name"
    else
        printf 'not ok %s: status %s, expected %s\n' "$name" "$got" "$status"
        diff <(echo "$wanted") "$work/out"
        failed=1
    fi
}
espnic=$(readlink -f "$espnic")

node='{"handle":7,"dir":"in","src":"10.0.0.1","dst":"10.0.0.2","sa":[{"op":"esp","spi":256}]}'
cat >"$work/good.jsonl" <<END
{"recording":1,"epoch_ns":"0x18ea5c1f2b3d4e00"}
{"t_ns":0,"oid":"ADD_SA","nodes":[$node]}
{"t_ns":9,"oid":"DELETE_SA","handles":[7]}
END
cat >"$work/bad.jsonl" <<END
{"t_ns":0,"oid":"ADD_SA","nodes":[$node]}
{"t_ns":0,"oid":"ADD_SA","nodes":[$node]}
{"t_ns":1,"oid":"UPDATE_SA","handle":7,"op":"esp","spi":256,"seq_hi":1}
{"t_ns":2,"oid":"DELETE_SA","handles":[7,}
{"t_ns":3,"oid":"DELETE_SA","handles":[8]}
{"t_ns":2,"event":"parameters"}
END
printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\1\0\0\0' >"$work/empty.pcap"
{ cat "$work/empty.pcap"; printf '\1\0\0\0\2\0\0\0\4\0\0\0\4\0\0\0abc'; } >"$work/cut.pcap"
: >"$work/nothing.pcap"
echo hello >"$work/hello.txt"

expect 'a good recording' 0 'good.jsonl: 2 records, 0 violations, 0 bad lines' check good.jsonl
expect 'all that is wrong is told' 2 'bad.jsonl:2: rule 5: nodes[0].handle: 7 is live already
bad.jsonl:3: rule 8: handle: 7 has no ESN in the entry named
bad.jsonl:4:42: found '"'}'"', expected valid JSON
bad.jsonl:5: rule 9: handles[0]: 8 is not live
bad.jsonl:6: t_ns: found 2, expected at least 3 (time never decreases)
bad.jsonl: 4 records, 3 violations (rule 5: 1, rule 8: 1, rule 9: 1), 2 bad lines' check bad.jsonl
expect 'an empty capture is a capture' 0 \
    'empty.pcap: 0 packets, 0 cut short by the capture, 0 empty, 0 earlier than the one before' \
    check empty.pcap
expect 'a capture that ends early' 2 \
    'cut.pcap: record 1: truncated dump file; tried to read 4 captured bytes, only got 3
cut.pcap: 0 packets, 0 cut short by the capture, 0 empty, 0 earlier than the one before' check cut.pcap
expect 'nothing at all' 2 'nothing.pcap: found an empty file, expected a pcap or pcapng capture' \
    check nothing.pcap
expect 'neither' 2 \
    'hello.txt: found neither a capture (pcap, pcapng) nor a recording (lines of JSON objects)' \
    check hello.txt
expect 'the worst file decides' 2 'good.jsonl: 2 records, 0 violations, 0 bad lines
none.jsonl: cannot open: No such file or directory
good.jsonl: 2 records, 0 violations, 0 bad lines' check good.jsonl none.jsonl good.jsonl
expect 'no file' 2 'espnic trace check: expected one or more files
Try: espnic trace check --help' check
expect 'no such verb' 2 'espnic trace: unknown verb "chek", did you mean check?
Try: espnic trace --help' chek
expect 'info of a damaged recording' 2 \
    "espnic: bad.jsonl:4:42: found '}', expected valid JSON" info bad.jsonl
(cd "$work" && "$espnic" trace info good.jsonl empty.pcap >out 2>err)
for line in 'records +2' 'ADD_SA +1' 'DELETE_SA +1' 'peak_live +1' 'live_at_end +0' 'span +9(.0+)? ns' \
    ' +1 +esp +null +- +transport +in +no +no' 'kind +pcap' 'link_type +EN10MB' 'packets +0'; do
    if grep -qE "^ *$line( |\$|\.)" "$work/out"; then
        echo "ok info: $line"
    else
        echo "not ok info: $line"
        failed=1
    fi
done
# the example that teaches the form keeps to it
grep '^{' traces/FORMAT.md >"$work/example.jsonl"
expect 'the example of FORMAT.md' 0 'example.jsonl: 4 records, 0 violations, 0 bad lines' \
    check example.jsonl
(cd "$work" && "$espnic" trace info good.jsonl --nothing >/dev/null 2>err)
if [ $? = 2 ] && grep -q -- '--nothing' "$work/err"; then
    echo 'ok an unknown option'
else
    echo 'not ok an unknown option'
    failed=1
fi
for verb in '' info check mrc; do
    # shellcheck disable=SC2086
    if "$espnic" trace $verb --help | grep -q '^usage: espnic trace'; then
        echo "ok help $verb"
    else
        echo "not ok help $verb"
        failed=1
    fi
done
exit $failed
