#!/usr/bin/env bash
# Does the twin notice? Each line below breaks the engine in one place; the test that compares engine
# and twin must fail for every one of them. Part of `make soak`: some minutes.
#
# usage: bash tests/timing/soak_mutants.sh [WORD]     only the mutants whose description has WORD
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
work=${BUILD:-build}/mutants
cc=${CC:-gcc}
read -r -a check <<<"$(pkg-config --cflags --libs check)"
engine=(clock run sched channel lane stage account snapshot)
export TWIN_NETWORKS=${TWIN_NETWORKS:-1000} CK_DEFAULT_TIMEOUT=100 CK_FORK=no

# description @ file @ sed expression
mutants='
a beat is visible a cycle late@channel.h@/channel_visible(const/,/^}/s/return c + 1;/return c + 2;/
a slot is back in the cycle of its pop@channel.h@/channel_slot_visible(const/,/^}/s/return c + 1;/return c;/
a slot is back a cycle late@channel.h@/channel_slot_visible(const/,/^}/s/return c + 1;/return c + 2;/
slots cross clocks without the synchroniser@channel.h@/channel_slot_visible(const/,/^}/s/ch->config.sync)/1)/
a coincident edge counts as seen@clock.h@/clock_edge_after(const/,/^}/s/return clock_scale.*/const struct clock_ratio *r = \&set->ratio[from][to]; return (uint64_t)(((clock_u128)c * r->mul + r->div - 1) \/ r->div) + s - 1;/
one slot too many@channel.c@s/ch->s.credits = config->depth;/ch->s.credits = config->depth + 1;/
the read port is free in the cycle of a pop@channel.h@s/ch->s.read_free = port;/ch->s.read_free = port - 1;/
an item is whole when its first beat is there@channel.c@/^uint64_t channel_item_visible/,/^}/s/uint32_t last = .*/uint32_t last = 0;/
runs are taken one beat too far@channel.c@/^static uint32_t prefix/,/^}/s/    return low;/    return low < want->beats ? low + 1 : low;/
the tail is forgotten@lane.c@s/s->next_start = s->next_slot + s->job.tail;/s->next_start = s->next_slot;/
the tail is not counted@lane.c@s/.tail = complete ? s->job.tail : 0,/.tail = 0,/
items overtake each other in the pipeline@lane.c@s/s->last_push > run->first + s->delay/s->last_push > run->first + s->delay + 2/
a lane starts inside of an item@lane.h@s/if (!b || ch->s.taken || !(b->flags \& CHANNEL_FIRST)) {/if (!b) {/
a header is one beat shorter@lane.h@s/UINT32_MAX : header_beats)/UINT32_MAX : header_beats - (header_beats > 1))/
runs at the pace of the slots go on without them@lane.c@/channel_returns(g->out/,/}/s/other.beats = other.beats < .*/other.beats = run.beats;/
runs at the pace of the input go on without it@lane.c@/channel_arrivals(g->in/,/}/s/other.beats = other.beats < .*/other.beats = run.beats;/
what is left of an uneven run begins anew@run.h@s/rest.phase = .*/rest.phase = r->phase;/
the image of a run has no phase@run.c@s/.phase = (uint16_t)(first % ratio->div)/.phase = 0/
the image of a run is an edge late@run.c@s/first \/ ratio->div + later/first \/ ratio->div + later + 1/
beats are popped that nobody has pushed@channel.c@/^uint32_t channel_visible_run/,/^}/s/? here$/? run->beats - got/
blocked between the beats though the next one is not there@lane.c@s/if (between != ACCOUNT_BLOCKED || run->beats == 1) {/if (1) {/
starved although there is a beat without room@lane.c@s/t.why.state = ACCOUNT_BLOCKED;/t.why.state = ACCOUNT_STARVED;/
blocked although there is no beat@lane.c@s/if (t.why.state == ACCOUNT_BLOCKED \&\& t.visible > idle_from) {/if (0) {/
full accounts are never emptied@lane.c@s/account_settle(&lane->account, now);/;/
late lanes issue in the past@lane.c@s/.at = s->next_slot > now ? s->next_slot : now,/.at = s->next_slot,/
round robin begins at the input served last@stage.c@s/next_input = job->in + 1u < st->inputs ? job->in + 1u : 0;/next_input = job->in;/
the shared port is free a cycle early@stage.c@s/st->s.port_free > now/st->s.port_free > now + 1/
steering is not looked at@stage.c@s/to != STAGE_ANY_LANE \&\& to != lane/to == lane + 1000/
the next item is seen by later lanes only@stage.c@s/if (at >= now) {/if (0) {/
what an earlier lane saw is not looked at again@stage.c@s/if (t.began \&\& held) {/if (0) {/
waiting for the port counts as blocked@stage.c@/^static void note_port/,/^}/s/ACCOUNT_WAITING/ACCOUNT_BLOCKED/
a push does not wake its reader@channel.h@s/if (ch->config.wake == CHANNEL_WAKE_LAST) {/if (ch->config.wake != CHANNEL_WAKE_LAST \&\& !(flags \& CHANNEL_FIRST)) return; &/
a returned slot does not wake its writer@channel.h@/channel_give_back(struct/,/^}/s/if (ch->s.writer_waits) {/if (0) {/
the straight way does not look at the read port@stage.c@s/ || in->s.read_free > now) {/) {/
the straight way takes a part for the whole@stage.c@s/b->flags != (CHANNEL_FIRST | CHANNEL_LAST) || //
the straight way forgets the tail@lane.h@s/s->next_start = last + step + j->tail;/s->next_start = last + step;/
items overtake each other on the straight way@lane.h@s/s->last_push > now + j->latency/0/
an item passes without room@lane.h@s/return out->s.credits >= j->beats_out ||/return out->s.credits > 0 ||/
the tail of an item that passes is not counted@account.h@s/r->tail = tail;/r->tail = 0;/
lanes with nothing to do keep their old reason@stage.c@/^static inline bool rests/,/^}/s/if (l->s.next_start <= now) {/if (0) {/
all slots are taken for back when one is@channel.c@s/if (!all \&\& last_back(ch, p) > now) {/if (0) {/
the block that runs does not get its next wake@sched.c@s/replace(t, b->leaf, event);/replace(t, b->leaf, next > cycle + 1 ? CLOCK_NEVER : event);/
a clock goes on leading when another is earlier@sched.c@s/s->limit = s->key\[b->domain\];/;/
the last beat of a run is not counted@account.c@/^static uint64_t run_end/,/^}/s/+ r->busy + r->tail/+ (r->at.beats > 1 ? 0 : r->busy) + r->tail/
'

# Compiles the engine in $work/src and the test; runs it. 0: it passes, 1: it fails, 2: no compiler.
try() {
    local sources=()
    for f in "${engine[@]}"; do sources+=("$work/src/engine/$f.c"); done
    "$cc" -std=c17 -D_GNU_SOURCE -O2 -w -I"$work/src" -I. -o "$work/test" tests/timing/test_twin.c \
        tests/timing/twin.c tests/timing/network.c "${sources[@]}" "${check[@]}" -lm \
        >"$work/log" 2>&1 || return 2
    timeout 100 "$work/test" >"$work/log" 2>&1 || return 1
}

fresh() {
    rm -rf "$work/src"
    mkdir -p "$work/src"
    cp -r sim/engine "$work/src/"
}

fresh
try || {
    cat "$work/log"
    echo "not ok the engine as it is"
    exit 1
}
echo "ok the engine as it is"
failed=0
while IFS='@' read -r what file expression; do
    [[ -n $what && $what == *"${1:-}"* ]] || continue
    fresh
    sed -i "$expression" "$work/src/engine/$file"
    if cmp -s "sim/engine/$file" "$work/src/engine/$file"; then
        echo "not ok $what: the place to break is not there any more"
        failed=1
        continue
    fi
    try 2>/dev/null # or the shell would report every test that aborts
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
    *) echo "ok $what: $(grep -oE 'network [0-9]+: .*|internal error: .*|Assertion .*' "$work/log" | head -1)" ;;
    esac
done <<<"$mutants"
exit "$failed"
