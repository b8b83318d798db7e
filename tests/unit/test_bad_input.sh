#!/usr/bin/env bash
# What `espnic run` says of bad input: the place (file:line:column, file:line and key, record number), what
# was found, what was expected, status 2. Breaches of the interface's rules are replayed and counted; packets
# that cannot be processed are counted by reason. Nothing is fatal that a card would survive.
set -u
espnic=$(realpath "${ESPNIC:-build/espnic}")
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-$PWD/sim/presets}
ESPNIC_PRESETS=$(realpath "$ESPNIC_PRESETS")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

ok() { echo "ok bad_input: $1"; }
not_ok() {
    echo "not ok bad_input: $1"
    cat err 2>/dev/null | head -20 | sed 's/^/  | /'
    failed=1
}

# refused NAME PATTERN ARG...: status 2, nothing on stdout, and the first line of stderr matches.
refused() {
    local name=$1 pattern=$2 got
    shift 2
    "$espnic" run --experiments 0 "$@" >out 2>err </dev/null
    got=$?
    if [ $got -ne 2 ]; then
        echo "status $got, expected 2" >>err
        not_ok "$name"
    elif [ -s out ] || ! head -1 err | grep -qE -- "^espnic run: $pattern"; then
        echo "expected: espnic run: $pattern" >>err
        not_ok "$name"
    else
        ok "$name"
    fi
}

# bytes HEX...: octal escapes work in every printf
bytes() {
    local b
    for b in $(echo "$*" | sed 's/[^0-9a-f]//g; s/../& /g'); do printf "\\$(printf %03o "0x$b")"; done
}

# ---- captures -------------------------------------------------------------------------------------

head_pcap="d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000" # Ethernet, microseconds
ether="020000000002 020000000001"
arp="$ether 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002"

# record SECONDS LENGTH HEX: a whole record of LENGTH bytes
record() {
    printf '%02x000000' "$1"
    echo -n 00000000
    printf '%02x%02x0000%02x%02x0000' $(($2 % 256)) $(($2 / 256)) $(($2 % 256)) $(($2 / 256))
    echo "$3"
}

: >empty.pcap
bytes "deadbeef 0200 0400 00000000 00000000 ffff0000 01000000" >magic.pcap
bytes "${head_pcap:0:30}" >header.pcap
bytes "$head_pcap" >none.pcap
bytes "$head_pcap $(record 1 42 "$arp")" >good.pcap
{ bytes "$head_pcap $(record 1 42 "$arp") $(record 2 42 "${arp:0:40}")"; } >cut.pcap
bytes "$head_pcap $(record 1 42 "$arp") 02000000 0000" >cut-head.pcap
bytes "$head_pcap $(record 1 42 "$arp") 02000000 00000000 ffffff7f ffffff7f 00" >huge.pcap
bytes "$head_pcap $(record 1 42 "$arp") 02000000 00000000 08000000 04000000 0102030405060708" >longer.pcap
bytes "d4c3b2a1 0200 0400 00000000 00000000 ffff0000 69000000" >wifi.pcap

for way in rx tx; do
    refused "$way: no file" 'nowhere\.pcap: .*No such file' --preset generic-100g --$way nowhere.pcap
    refused "$way: empty file" 'empty\.pcap: found an empty file, expected a pcap or pcapng capture' \
        --preset generic-100g --$way empty.pcap
    refused "$way: wrong magic" 'magic\.pcap: expected a pcap or pcapng capture' \
        --preset generic-100g --$way magic.pcap
    refused "$way: cut in the file header" 'header\.pcap: expected a pcap or pcapng capture' \
        --preset generic-100g --$way header.pcap
    refused "$way: cut in a packet" 'cut\.pcap: record 2: ' --preset generic-100g --$way cut.pcap
    refused "$way: cut in a record's header" 'cut-head\.pcap: record 2: ' \
        --preset generic-100g --$way cut-head.pcap
    refused "$way: record of 2 GB" 'huge\.pcap: record 2: ' --preset generic-100g --$way huge.pcap
    refused "$way: captured more than there was" 'longer\.pcap: record 2: ' \
        --preset generic-100g --$way longer.pcap
    refused "$way: link type" 'wifi\.pcap: .*link' --preset generic-100g --$way wifi.pcap
    refused "$way: filter" "good\.pcap: .*filter" --preset generic-100g --$way good.pcap \
        --$way-filter 'prto 50'
    refused "$way: a folder" '.*: ' --preset generic-100g --$way .
done

# ---- cards that cannot be ---------------------------------------------------------------------------

refused "more of a context than there is, of a derived one" \
    '--set: card\.sa\.context_used: found 4096 bytes, expected at most card\.sa\.context \([1-9][0-9]*\)$' \
    --preset generic-100g --set card.sa.storage=card-cache --set card.sa.context=0B --set card.sa.context_used=4096B
refused "AH and ESP in one packet without AH" '.*card\.capabilities\.ah_esp: found true, expected false' \
    --preset generic-100g --set card.capabilities.ah=false

# ---- recordings -------------------------------------------------------------------------------------

key=00112233445566778899aabbccddeeff01020304
add() { # HANDLE SPI [MORE OF THE ENTRY]
    echo "{\"t_ns\":${t:-0},\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":$1,\"dir\":\"${dir:-out}\",\"src\":\"10.0.0.1\",\"dst\":\"10.0.0.2\",\"sa\":[{\"op\":\"esp\",\"spi\":$2,\"enc\":{\"alg\":\"aes-gcm-128\",\"key\":\"$key\"}${3:-}}]}]}"
}
# line NAME PATTERN TEXT: a recording of a good line and TEXT
line() {
    { add 1 256 && echo "$3"; } >r.jsonl
    refused "recording: $1" "$2" --preset generic-100g --oids r.jsonl
}
line "broken JSON" 'r\.jsonl:2:[0-9]+: ' '{"t_ns":5,"oid":'
line "no JSON" 'r\.jsonl:2:1: ' 'hello'
line "two values in a line" 'r\.jsonl:2:[0-9]+: ' '{"t_ns":5,"event":"parameters"} {}'
line "duplicate key" 'r\.jsonl:2:[0-9]+: .*t_ns' '{"t_ns":5,"t_ns":6,"event":"parameters"}'
line "not UTF-8" 'r\.jsonl:2:[0-9]+: ' "$(bytes 7b2274ff223a317d)"
line "unknown key" 'r\.jsonl:2: .*colour' '{"t_ns":5,"event":"parameters","colour":1}'
line "unknown request" 'r\.jsonl:2: oid: found "ADD", expected .*ADD_SA' '{"t_ns":5,"oid":"ADD"}'
line "neither request nor event" 'r\.jsonl:2: ' '{"t_ns":5}'
{ t=5 add 1 256 && t=4 add 2 257; } >r.jsonl
refused "recording: time that runs back" 'r\.jsonl:2: t_ns: found 4, expected' \
    --preset generic-100g --oids r.jsonl
line "bad hex" 'r\.jsonl:2: nodes\[0\]\.sa\[0\]\.enc\.key: ' \
    "$(add 2 257 | sed 's/0011223344/00112233zz/')"
line "odd hex" 'r\.jsonl:2: nodes\[0\]\.sa\[0\]\.enc\.key: ' "$(add 2 257 | sed 's/0011223344/001122334/')"
line "wrong key length" 'r\.jsonl:2: nodes\[0\]\.sa\[0\]\.enc\.key: found 36 hex digits, expected 40 or' \
    "$(add 2 257 | sed 's/00112233//;s/01020304/010203040506/')"
line "wrong type" 'r\.jsonl:2: nodes\[0\]\.sa\[0\]\.spi: found .*, expected' "$(add 2 true)"
line "number too large" 'r\.jsonl:2: nodes\[0\]\.sa\[0\]\.spi: found .*, expected' "$(add 2 4294967296)"
line "negative number" 'r\.jsonl:2: nodes\[0\]\.handle: ' "$(add -2 257)"
line "bad address" 'r\.jsonl:2: nodes\[0\]\.src: found "10\.0\.0\.256"' "$(add 2 257 | sed 's/10.0.0.1"/10.0.0.256"/')"
line "two families" 'r\.jsonl:2: nodes\[0\]\.' "$(add 2 257 | sed 's/10.0.0.1"/::1"/')"
line "unknown algorithm" 'r\.jsonl:2: nodes\[0\]\.sa\[0\]\.enc\.alg: found "aes-gcm-129"' \
    "$(add 2 257 | sed 's/gcm-128/gcm-129/')"
line "no SA" 'r\.jsonl:2: nodes\[0\]\.sa: ' \
    '{"t_ns":5,"oid":"ADD_SA","nodes":[{"handle":2,"dir":"in","src":"10.0.0.1","dst":"10.0.0.2","sa":[]}]}'
line "no handle to delete" 'r\.jsonl:2: handles: ' '{"t_ns":5,"oid":"DELETE_SA","handles":[]}'
refused "recording: no file" 'nowhere\.jsonl: .*No such file' --preset generic-100g --oids nowhere.jsonl

# A wrong line in the middle of a run is met when its turn comes, and --skip-bad counts it.
{ add 1 256 && echo nonsense && t=9 add 2 257; } >r.jsonl
if "$espnic" run --preset generic-100g --experiments 0 --oids r.jsonl --skip-bad -o - >out 2>err &&
    grep -q '"bad_records": 1' out && grep -q '"records": 2' out; then
    ok "recording: --skip-bad"
else
    not_ok "recording: --skip-bad"
fi

# ---- scenarios --------------------------------------------------------------------------------------

# scenario NAME PATTERN LINE...: one line is one line of the file
scenario() {
    local name=$1 pattern=$2
    shift 2
    printf '%s\n' "$@" >s.yaml
    refused "scenario: $name" "$pattern" s.yaml
}
scenario "no YAML" 's\.yaml:[23]:[0-9]+: not YAML: ' 'preset: generic-100g' 'card: {crypto: '
scenario "unknown key" 's\.yaml:2:17: unknown key card\.crypto\.engine, did you mean card\.crypto\.engines\?' \
    'preset: generic-100g' 'card: {crypto: {engine: 2}}'
scenario "unknown preset" 's\.yaml:1:9: .*generic-100h.*did you mean generic-100g' 'preset: generic-100h'
scenario "no unit" 's\.yaml:2:13: card\.clock: found "500", which has no unit, expected .*MHz' 'preset: generic-100g' 'card.clock: 500'
scenario "wrong unit" 's\.yaml:2:13: card\.clock: found "500ns"' 'preset: generic-100g' 'card.clock: 500ns'
scenario "wrong case of a unit" 's\.yaml:2:[0-9]+: card\.mac\.mtu: found "9kb"' 'preset: generic-100g' 'card.mac.mtu: 9kb'
scenario "no number" 's\.yaml:2:[0-9]+: card\.lanes: found "many"' 'preset: generic-100g' 'card.lanes: many'
scenario "no engine" 's\.yaml:2:[0-9]+: card\.crypto\.engines: found "0", which is too small, expected' \
    'preset: generic-100g' 'card.crypto.engines: 0'
scenario "capacity 0" 's\.yaml:2:[0-9]+: card\.sa\.table\.capacity: found .*0.*, expected' \
    'preset: generic-100g' 'card.sa.table.capacity: 0'
scenario "slots of a CAM" 's\.yaml:2:[0-9]+: card\.sa\.table\.slots: found 64, expected 0: a CAM' \
    'preset: generic-100g' 'card.sa.table.slots: 64'
scenario "part of a bucket" \
    's\.yaml:3:[0-9]+: card\.sa\.table\.slots: found 63, expected a multiple of .*8.*, as 64' \
    'preset: generic-100g' 'card.sa.table.organisation: hash' 'card.sa.table.slots: 63'
scenario "cuckoo without a choice" 's\.yaml:3:[0-9]+: card\.sa\.table\.choices: found 1, expected at least 2' \
    'preset: generic-100g' 'card.sa.table.organisation: cuckoo' 'card.sa.table.choices: 1'
scenario "no way" 's\.yaml:3:[0-9]+: card\.sa\.table\.ways: found "0", which is too small, expected' \
    'preset: generic-100g' 'card.sa.table.organisation: hash' 'card.sa.table.ways: 0'
scenario "search of less than a key" 's\.yaml:4:[0-9]+: card\.sa\.table\.search: found 2, expected at least .*4' \
    'preset: generic-100g' 'card.sa.table.organisation: cuckoo' 'card.sa.table.choices: 4' 'card.sa.table.search: 2'
scenario "h3 with three quarters of a power of two" \
    's\.yaml:3:[0-9]+: card\.sa\.table\.hash: found h3, expected mix, or a power of two .*96 slots are 12 buckets' \
    'preset: generic-100g' 'card.sa.table.organisation: hash' 'card.sa.table.hash: h3' 'card.sa.table.slots: 96'
# cache NAME PATTERN LINE...: a card with a context cache
cache() {
    local name=$1 pattern=$2
    shift 2
    scenario "context cache: $name" "s\.yaml:3:[0-9]+: $pattern" 'preset: generic-100g' \
        'card.sa.storage: host-cache' "$@" 'card.sa.context: 256B' 'card.capabilities.window_max: 1024'
}
scenario "a window that a context has no bits for" \
    's\.yaml:3:[0-9]+: card\.capabilities\.window_max: found 1024, expected at most 448: the bits that card\.sa\.context \(64 bytes\)' \
    'preset: generic-100g' 'card.sa.context: 64B' 'card.capabilities.window_max: 1024'
scenario "a context of 8 bytes" 's\.yaml:2:[0-9]+: card\.sa\.context: found 8 bytes, expected 0 or 16 to 4096' \
    'preset: generic-100g' 'card.sa.context: 8B'
scenario "memory for no context" 's\.yaml:2:[0-9]+: card\.sa\.memory: found 2047 bytes, expected room for 1 to' \
    'preset: generic-100g' 'card.sa.memory: 2047B'
scenario "memory and a capacity for each direction" 's\.yaml:2:[0-9]+: card\.sa\.memory: found 65536 bytes, expected 0' \
    'preset: ixgbe-82599' 'card.sa.memory: 64KiB'
cache "no sets" 'card\.sa\.cache\.sets: found "0", which is too small, expected' 'card.sa.cache.sets: 0'
cache "no ways" 'card\.sa\.cache\.ways: found "0", which is too small, expected' 'card.sa.cache.ways: 0'
cache "no MSHR" 'card\.sa\.cache\.mshrs: found "0", which is too small, expected' 'card.sa.cache.mshrs: 0'
cache "too many lines" 'card\.sa\.cache\.sets: found 67108864 of 8 ways, expected at most 2\^26 lines' \
    'card.sa.cache.sets: 67108864'
cache "a tree of 12 ways" 'card\.sa\.cache\.ways: found 12, expected a power of two up to 64 with tree-plru' \
    'card.sa.cache.ways: 12' 'card.sa.cache.replacement: tree-plru'
cache "an unknown replacement" 'card\.sa\.cache\.replacement: found "mru", expected .*srrip' \
    'card.sa.cache.replacement: mru'
cache "no bits for srrip" 'card\.sa\.cache\.rrip_bits: found "0", which is too small' 'card.sa.cache.rrip_bits: 0'
cache "nine bits for srrip" 'card\.sa\.cache\.rrip_bits: found "9", which is too large' 'card.sa.cache.rrip_bits: 9'
cache "a line larger than the cache" \
    'card\.sa\.cache\.size: found 128 bytes, expected at least a line \(256 bytes\)' \
    'card.sa.cache.size: 128B' 'card.sa.cache.line_bytes: 256'
cache "a size of no whole sets" 'card\.sa\.cache\.size: found 3000 bytes, expected a multiple of a set' \
    'card.sa.cache.size: 3000B'
cache "a line larger than a context" \
    'card\.sa\.cache\.line_bytes: found 512, expected at most card\.sa\.context \(256 bytes\)' \
    'card.sa.cache.line_bytes: 512'
cache "more used than there is" 'card\.sa\.context_used: found 300 bytes, expected at most card\.sa\.context \(256\)' \
    'card.sa.context_used: 300B'
cache "more written than used" 'card\.sa\.context_written: found 128 bytes, expected at most what a packet needs' \
    'card.sa.context_written: 128B' 'card.sa.context_used: 64B'
cache "fewer MSHRs than lines of a context" 'card\.sa\.cache\.mshrs: found 3, expected at least 4: a packet needs' \
    'card.sa.cache.mshrs: 3' 'card.sa.cache.line_bytes: 64'
cache "fewer requests than lines of a context" 'card\.pcie\.queue: found 4, expected at least 5: requests for' \
    'card.pcie.queue: 4' 'card.sa.cache.line_bytes: 64'
cache "no MSHR for received packets" 'card\.sa\.mshrs_tx: found 8, expected less: received packets need 1 of the 8' \
    'card.sa.mshrs_tx: 8'
cache "more prefetches than MSHRs" 'card\.sa\.cache\.prefetches: found 9, expected at most mshrs \(8\)' \
    'card.sa.cache.prefetches: 9'
cache "an unknown prefetch" 'card\.sa\.cache\.prefetch_tx: found "packet", expected .*descriptor' \
    'card.sa.cache.prefetch_tx: packet'
cache "more pinned than there are lines" \
    'card\.sa\.cache\.pinned: found 513 contexts of 1 lines, expected at most the 512 lines of the cache' \
    'card.sa.cache.pinned: 513'
scenario "window of 5000" \
    's\.yaml:2:[0-9]+: card\.capabilities\.window_max: found "5000", which is too large, expected .*4096' \
    'preset: generic-100g' 'card.capabilities.window_max: 5000'
scenario "no window fits" 's\.yaml:3:[0-9]+: card\.capabilities\.window_max: found 64, expected at least .*128' \
    'preset: generic-100g' 'card.capabilities.window_min: 128' 'card.capabilities.window_max: 64'
scenario "bus of 48 bytes" 's\.yaml:2:[0-9]+: card\.bus: found 48, expected a power of two' \
    'preset: generic-100g' 'card.bus: 48B'
scenario "given twice" 's\.yaml:3:[0-9]+: .*card\.lanes' 'preset: generic-100g' 'card.lanes: 1' 'card.lanes: 2'
scenario "nothing to do" '.*nothing to do' 'preset: generic-100g'
scenario "load that is none" 's\.yaml:2:[0-9]+: workload\.load: found "fast", expected recorded, max' \
    'preset: generic-100g' 'workload: {load: fast}'
scenario "a capture that is none" '.*s\.yaml: expected a pcap or pcapng capture' \
    'preset: generic-100g' 'workload: {rx: s.yaml}'
refused "scenario: no file" 'nowhere\.yaml: ' nowhere.yaml
refused "--set: unknown key" '--set: unknown key card\.crypto\.engin' --preset generic-100g \
    --set card.crypto.engin=2 --rx good.pcap
refused "--set: impossible card" '--set: card\.crypto\.engines: found "?0"?' --preset generic-100g \
    --set card.crypto.engines=0 --rx good.pcap
refused "--set: data in descriptors" '--set: card\.dma\.tx_inline: found 24 bytes, expected a multiple of 16' \
    --preset generic-100g --set card.dma.tx_inline=24B --rx good.pcap
refused "--set: size of an entry" '--set: host\.tx\.done_bytes: found 48 bytes, expected 16, 32, 64 or 128' \
    --preset generic-100g --set host.tx.done_bytes=48B --rx good.pcap
refused "--set: RSS key" '--set: card\.rss\.key: found 4 characters, 4 of them hexadecimal digits' \
    --preset generic-100g --set card.rss.key=6d5a --rx good.pcap
refused "--set: RSS types" '--set: card\.rss\.types: found "tcp", expected all, or ipv4' \
    --preset generic-100g --set card.rss.types=ipv4,tcp --rx good.pcap
refused "--set: RSS table" '--set: card\.rss\.table: found 100, expected a power of two' \
    --preset generic-100g --set card.rss.table=100 --rx good.pcap
refused "--set: entry too short" '--set: host\.tx\.done_bytes: found 16, expected 32 or more' \
    --preset generic-100g --set host.tx.done=report --set host.tx.done_bytes=16B --rx good.pcap
refused "--ideal: no such block" '--ideal: found "crypt"' --preset generic-100g --ideal crypt --rx good.pcap

# ---- rules of the interface -----------------------------------------------------------------------------

# field PATH: a number of report.json
field() {
    python3 -c '
import json, sys
at = json.load(open("report.json"))
for key in sys.argv[1].split("."):
    at = at[key]
print(at)' "$1"
}
# counts NAME PATH=NUMBER...: of report.json
counts() {
    local name=$1 pair bad=
    shift
    for pair in "$@"; do
        [ "$(field "${pair%=*}")" = "${pair#*=}" ] || {
            bad=1
            echo "${pair%=*} is $(field "${pair%=*}"), expected ${pair#*=}" >>err
        }
    done
    if [ -z "$bad" ]; then ok "$name"; else not_ok "$name"; fi
}
play() { "$espnic" run --preset generic-100g --experiments 0 -o report.json "$@" >out 2>err </dev/null; }

if ! command -v python3 >/dev/null; then
    echo "SKIP bad_input: rules and packets: no python3"
    exit $failed
fi
two_esp=$(add 9 270 | sed 's/}\]}\]}$/},{"op":"esp","spi":271,"enc":{"alg":"null"},"auth":{"alg":"md5","key":"00112233445566778899aabbccddeeff"}}]}]}/')
{
    add 1 256                                                                    # 1 good
    t=1000 dir=in add 2 257                                                      # 2 good
    t=100000 add 1 258                                                           # 3 rule 5: live
    t=200000 add 3 257 | sed 's/"out"/"in"/'                                     # 4 same SPI: the card refuses
    echo '{"t_ns":300000,"oid":"UPDATE_SA","handle":2,"op":"esp","spi":257,"seq_hi":1}' # 5 rule 8: no ESN
    echo '{"t_ns":400000,"oid":"UPDATE_SA","handle":77,"op":"esp","spi":257,"seq_hi":1}' # 6 rule 8: unknown
    echo '{"t_ns":500000,"oid":"DELETE_SA","handles":[78]}'                      # 7 rule 9: unknown
    t=600000 echo "$two_esp" | sed 's/"t_ns":0/"t_ns":600000/'                   # 8 rule 2
    echo '{"t_ns":700000,"oid":"DELETE_SA","handles":[2]}'                       # 9 good
    echo '{"t_ns":800000,"oid":"DELETE_SA","handles":[2]}'                       # 10 rule 9: twice
} >rules.jsonl
if play --oids rules.jsonl; then ok "rules: replayed"; else not_ok "rules: replayed"; fi
counts "rules: counted by rule" inputs.rule_violations=6 inputs.rules.rule_2=1 inputs.rules.rule_5=1 \
    inputs.rules.rule_8=2 inputs.rules.rule_9=2 inputs.records=10
counts "rules: the card's answers" oids.update.status.INVALID_PARAMETER=2 \
    oids.delete.status.SUCCESS=3 card.sa_table.stale_handles=3 card.sa_table.update_failures=2 \
    sa.add_failures.duplicate=1 sa.add_failures.invalid_operations=1
counts "rules: the table is unharmed" sa.live=2 sa.deletes=1
"$espnic" run --preset generic-100g --experiments 0 --oids rules.jsonl --strict >out 2>err
if [ $? -eq 2 ] && [ ! -s out ] && grep -q '^espnic run: rules\.jsonl:3: rule 5: nodes\[0\]\.handle: 1 ' err &&
    [ "$(grep -cE 'rules\.jsonl:(3|5|6|7|8|10): rule [2589]: ' err)" -eq 6 ]; then
    ok "rules: --strict names every record"
else
    not_ok "rules: --strict names every record"
fi
add 1 256 >clean.jsonl
if play --oids clean.jsonl --strict; then ok "rules: --strict on a clean recording"; else not_ok "rules: --strict on a clean recording"; fi

# ---- packets ----------------------------------------------------------------------------------------------

# ip4 PROTO FLAGS HEX: an Ethernet frame with an IPv4 packet 10.0.0.1 > 10.0.0.2
ip4() {
    local payload=${3// /}
    printf '%s 0800 4500%04x0000%s40%02x0000 0a000001 0a000002 %s' "$ether" $((20 + ${#payload} / 2)) "$2" "$1" "$payload"
}
frames=()
frame() { frames+=("$(echo "$*" | sed 's/[^0-9a-f]//g')"); }
frame "$arp"                                                  # no IP
frame "$ether 0800 45"                                        # cut in the IP header
frame "$ether 0800 4500ffff 00000000 40320000 0a000001 0a000002 00000100" # IP longer than the frame
frame "$ether 0800 6500001c 00000000 40320000 0a000001 0a000002 0000010000000001" # version 6 as IPv4
frame "$(ip4 50 0000 00000100)"                               # ESP without a sequence number
frame "$(ip4 50 0000 '00000100 00000001 0000000000000001 00000000')" # shorter than IV, trailer and ICV
frame "$(ip4 50 0000 '00000999 00000001 0000000000000001 000000000000000000000000000000000000000000')" # no SA
frame "$(ip4 50 2000 '00000100 00000001 0000000000000001 000000000000000000000000000000000000000000')" # fragment
frame "$(ip4 50 0000 '00000100 00000002 0000000000000002 00000000 000102030405060708090a0b0c0d0e0f')" # bad ICV
frame "$(ip4 50 0000 '00000100 00000000 0000000000000000 00000000 000102030405060708090a0b0c0d0e0f')" # number 0
frame "020000000002 0200"                                     # 8 bytes of Ethernet
frame ""                                                      # nothing at all
{
    bytes "$head_pcap"
    second=1
    for f in "${frames[@]}"; do
        bytes "$(record $second $((${#f} / 2)) "$f")"
        second=$((second + 1))
    done
} >odd.pcap
t=0 dir=in add 1 256 ',"replay_window":64' >in.jsonl
for card in packet crypto; do
    if play --oids in.jsonl --rx odd.pcap --rx-out got.pcap --set card.offload=$card; then
        ok "malformed packets, $card offload"
    else
        not_ok "malformed packets, $card offload"
    fi
    counts "malformed packets, $card offload: books" rx.packets_in=${#frames[@]} \
        "rx.packets_out=$((${#frames[@]} - $(python3 -c '
import json
r = json.load(open("report.json"))
print(sum(r["rx"]["drops"].values()) + r["inputs"]["fragments_merged"])')))" sa.live=1
done
counts "malformed packets: left alone by reason" host.rx.left_alone.no_sa=1 host.rx.left_alone.fragment=1
# As clear packets to be sent: protected, in clear or counted.
if play --oids clean.jsonl --tx odd.pcap --tx-sa 1; then ok "malformed packets, sent"; else not_ok "malformed packets, sent"; fi
counts "malformed packets, sent: books" tx.packets_in=${#frames[@]} "tx.packets_out=$((${#frames[@]} - $(python3 -c '
import json
print(sum(json.load(open("report.json"))["tx"]["drops"].values()))')))"
exit $failed
