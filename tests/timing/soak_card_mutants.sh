#!/usr/bin/env bash
# Does the twin of the card notice? Each line below breaks the card in one place; the test that compares card and twin
# must fail for every one of them. Before that, many more cases of the test itself. Part of `make soak`: some minutes.
#
# usage: bash tests/timing/soak_card_mutants.sh [WORD]     only the mutants whose description has WORD
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
work=$build/card_mutants
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-sim/presets} CK_FORK=no

# description @ file @ sed expression
mutants='
the last line of a context is as long as others@sim/nic/sa_memory.c@s/return (uint32_t)(rest < .*/return (uint32_t)card->memory.line_bytes;/
a transfer is rounded down to picoseconds@sim/nic/sa_memory.c@s/1000000000000ull + rate - 1) /1000000000000ull) /
the card takes no time for a miss@sim/nic/sa_memory.c@s/cycle + clock_cycles_from_ps(.*miss_time);/cycle;/
memory makes transfers at a time@sim/nic/sa_memory.c@s/uint64_t start = now > .*/uint64_t start = now;/
the memory is occupied a cycle longer@sim/nic/sa_memory.c@s/start + (transfer ? transfer : 1)/start + transfer + 1/
write-backs do not occupy the memory@sim/nic/sa_memory.c@s/(m->s.card_free > now ? m->s.card_free : now) + transfer_cycles(card, f.victim)/m->s.card_free/
packets change all they need@sim/nic/sa_memory.c@s/write \&\& i < m->written/write/
packets change nothing@sim/nic/sa_memory.c@s/write \&\& i < m->written/false/
packets need all of a context@sim/nic/sa_memory.c@s/m->needed = .*/m->needed = m->lines;/
who waits hears of a fill a cycle later@sim/nic/sa_memory.c@s/stages\[i\]->block, now + 1/stages[i]->block, now + 2/
a packet waits for one of its lines@sim/nic/sa_memory.c@s/p->mshr = next_pending(card, p);/p->mshr = 0;/
received packets take every MSHR@sim/nic/sa_memory.c@s/ + card->config.sa.mshrs_tx > mshrs/ > mshrs/
an MSHR serves any number@sa_table/cache.c@/^static bool is_full/,/^}/s/cache->config.merge != 0/false/
a merged access does not make the line dirty@sa_table/cache.c@/^static struct sa_cache_access merge/,/^}/s/mshr->dirty |= write;/;/
a hit does not make the line dirty@sa_table/cache.c@/^struct sa_cache_access sa_cache_access/,/^}/s/flags\[line\] |= DIRTY/flags[line] |= 0/
a hit is not remembered@sa_table/cache.c@/^struct sa_cache_access sa_cache_access/,/^}/s/touch(cache, (size_t)line, false);/;/
first in, first out counts hits@sa_table/cache.c@s/SA_CACHE_LRU || filled/SA_CACHE_LRU || true/
the youngest line goes@sa_table/cache.c@s/cache->stamp\[i\] < cache->stamp\[oldest\]/cache->stamp[i] > cache->stamp[oldest]/
the tree points at what was used@sa_table/cache.c@/^static void plru_touch/,/^}/s/node % 2 == 0/node % 2 != 0/
a fill is most distant@sa_table/cache.c@s/rrip_bits) - 2 : 0/rrip_bits) - 1 : 0/
a set does not age@sa_table/cache.c@/^static size_t rrip_victim/,/^}/s/ distant : 0/ 0 : 0/
a prefetch is an access@sa_table/cache.c@/^struct sa_cache_access sa_cache_prefetch/,/^}/s/.prefetch = 1 }/.waiters = 1, .prefetch = 1 }/
a prefetch starts a cycle early@sim/nic/parser.c@s/nic_memory_expect_rx(\(.*\));/nic_memory_expect_rx(\1 - 1);/
what passes pinned lines by is not written back@sim/nic/sa_memory.c@s/if (f.dirty \&\& in_host(card)) {/if (f.bypassed) { } else if (f.dirty \&\& in_host(card)) {/
another random stream@sa_table/cache.c@s/rng_stream(config->seed, 0)/rng_stream(config->seed, 1)/
another mix of sets@sa_table/cache.c@s/rng_mix(id) : id/rng_mix(id + 1) : id/
queues by the number of the SA@sim/nic/sa_wait.c@s/rng_mix(p->sa)/(p->sa)/
the wait takes a cycle@sim/nic/sa_wait.c@s/j->beats_out = p->beats;/j->beats_out = p->beats; j->latency = 1;/
each queue has all of the room@sim/nic/nic.c@s/whole(card, card->config.sa.wait_depth .*/whole(card, card->config.sa.wait_depth);/
channels hold one of the longest packets@sim/nic/nic.c@s/need = 2 \* longest/need = longest/
the longest packet is the MTU@sim/nic/nic.c@s/mac.mtu + 256/mac.mtu/
no hazard at all@sim/nic/replay.c@s/if (until <= now) {/if (true) {/
a hazard is over a cycle early@sim/nic/replay.c@s/config.sa.rmw, now/config.sa.rmw - 1, now/
refused packets count as updates@sim/nic/replay.c@s/card->stats.replay_late += /nic_hazard_note(\&lane->hazards[NIC_RX], p->sa, now); \&/;s/now); \&/now); card->stats.replay_late += /
SAs without a window have hazards@sim/nic/replay.c@s/(entry->window || sa_esn(entry))/true/
a moved window tells nobody@sim/nic/replay.c@s/tell_all(lane, p->sa, now);/;/
a moved window tells the check two cycles later@sim/nic/replay.c@s/stage->block, now + 1/stage->block, now + 2/
replay_update begins with the first beat@sim/nic/replay.c@/replay_update/s/LANE_START_LAST/LANE_START_FIRST/
replay_check waits for the last beat@sim/nic/replay.c@/replay_check/s/LANE_START_FIRST/LANE_START_LAST/
an engine does not look again@sim/nic/crypto.c@s/sched_wake(\&c->card->sched, c->crypto.block, free);/;/
an engine is free when its beats are in@sim/nic/crypto.c@s/j->tail = .*/j->tail = 0;/
contexts do not share the engine@sim/nic/crypto.c@s/larger(cost_of(card, p).slots, p->beats)/1/
a slow engine gives what it has not taken@sim/nic/crypto.c@s/ + (slots > cost->beats ? .*/);/
key set-up is free@sim/nic/crypto.c@s/ + c->key_setup//
the tag takes a cycle less@sim/nic/crypto.c@s/TAG_CYCLES = 3/TAG_CYCLES = 2/
order by SA where the lane was asked for@sim/nic/crypto.c@s/NIC_ORDER_LANE ? 0 : key/NIC_ORDER_LANE ? key : key/
packets go on in any order@sim/nic/crypto.c@s/return c->ticket\[NIC_ORDER_KEYS.*/return true;/
sent: no hazard at all@sim/nic/sequence.c@s/if (until <= now) {/if (true) {/
sent: a hazard is over a cycle early@sim/nic/sequence.c@s/config.sa.rmw, now/config.sa.rmw - 1, now/
sent: refused packets have hazards@sim/nic/sequence.c@/^static void sequence_begin/,/^}/s/if (p->drop) {/if (p->drop) { nic_hazard_note(\&lane->hazards[NIC_TX], p->sa, now);/
sent: the MTU is compared with the clear packet@sim/nic/sequence.c@s/lengths.l3_length > card/p->l3_length > card/
sent: numbers have no end@sim/nic/sequence.c@s/if (!sequence_left(.*) {/if (false) {/
sent: encapsulated packets keep their beats@sim/nic/sequence.c@s/p->beats = nic_beats(card, p->length);/;/
sent: encapsulate waits for the last beat@sim/nic/sequence.c@/, "encapsulate"/s/LANE_START_FIRST/LANE_START_LAST/
sent: sequence waits for the last beat@sim/nic/sequence.c@/, "sequence"/s/LANE_START_FIRST/LANE_START_LAST/
sent: all wait in the first queue@sim/nic/sa_lookup.c@/^static void tx_job/,/^}/s/(uint8_t)nic_wait_queue(.*);/0;/
sent: packets change nothing of their contexts@sim/nic/sa_lookup.c@s/nic_memory_ask(card, p, now, true)/nic_memory_ask(card, p, now, p->dir == NIC_RX)/
sent: reorder waits for the last beat@sim/nic/crypto.c@s/LANE_START_LAST : LANE_START_FIRST/LANE_START_LAST : LANE_START_LAST/
sent: a verdict is out a cycle late@sim/nic/crypto.c@s/j->latency = cost.latency + 1;/j->latency = cost.latency + 1 + (p->dir == NIC_TX);/
sent: tx_dma takes a cycle longer@sim/nic/tx_dma.c@s/: card->config.dma.latency;/: card->config.dma.latency + 1;/
sent: frames leave without a gap@sim/nic/mac_tx.c@s/+ FCS + GAP/+ FCS/
sent: short frames are not padded@sim/nic/mac_tx.c@s/p->length < SHORTEST ? SHORTEST/p->length < SHORTEST ? p->length/
sent: the wire begins with the first beat@sim/nic/mac_tx.c@s/LANE_START_LAST/LANE_START_FIRST/
sent: no room before the wire but for two frames@sim/nic/nic.c@s/whole(card, tx_buffer)/whole(card, 0)/
sent: more room behind tx_dma@sim/nic/nic.c@s/\&l->fetch, whole(card, 0)/\&l->fetch, whole(card, 4096)/
sent: no room but for a burst behind sa_fetch@sim/nic/nic.c@s/\&l->sequence, c->fetch.depth/\&l->sequence, c->sequence.depth/
reorder takes no cycle@sim/nic/crypto.c@s/j->latency = j->interval;/j->latency = 0;/
'

fresh() {
    rm -rf "$work/src"
    mkdir -p "$work/src"
}

flags=$(cat "$build/flags")
check=$(pkg-config --cflags --libs check)

# The test with what is left in $work/src in the place of the library's. 0: it passes, 1: it fails, 2: no compiler.
try() {
    eval "$flags" -w -Isim/nic -o "$work/test" "$work"/rest/*.o "$@" "$build/libespnic-cli.a" "$build/libespnic.a" \
        "$flags_of_libraries" >"$work/log" 2>&1 || return 2
    timeout 300 "$work/test" >"$work/log" 2>&1 || return 1
}

flags_of_libraries="$check $(tr ' ' '\n' <<<"$flags" | grep '^-l' | tr '\n' ' ')"
fresh
mkdir -p "$work/rest"
for f in tests/timing/{test_card_twin,card_twin,card_case,twin}.c; do
    eval "$flags" -w -c -o "$work/rest/$(basename "$f" .c).o" "$f" "$check" 2>"$work/log" || {
        cat "$work/log"
        echo "not ok $f does not compile"
        exit 1
    }
done
CARD_CASES=${CARD_CASES:-5000} try || {
    cat "$work/log"
    echo "not ok the card as it is"
    exit 1
}
echo "ok the card as it is"
unset CARD_CASES
failed=0
while IFS='@' read -r what file expression; do
    [[ -n $what && $what == *"${1:-}"* ]] || continue
    fresh
    cp "$file" "$work/src/mutant.c"
    sed -i "$expression" "$work/src/mutant.c"
    if cmp -s "$file" "$work/src/mutant.c"; then
        echo "not ok $what: the place to break is not there any more"
        failed=1
        continue
    fi
    try "$work/src/mutant.c" 2>/dev/null # or the shell would report every test that aborts
    case $? in
    0)
        echo "not ok $what: not noticed"
        failed=1
        ;;
    2)
        cat "$work/log"
        echo "not ok $what: does not compile"
        failed=1
        ;;
    *) echo "ok $what: $(grep -oE 'case [0-9]+.*|Assertion .*' "$work/log" | head -1)" ;;
    esac
done <<<"$mutants"
exit "$failed"
