#!/usr/bin/env bash
# Does the twin of the PCIe link notice? Each line below breaks the link in one place; the test that compares link and
# twin must fail for every one of them. Part of `make soak`: some minutes.
#
# usage: bash tests/timing/soak_pcie_mutants.sh [WORD]     only the mutants whose description has WORD
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
work=${BUILD:-build}/pcie_mutants
cc=${CC:-gcc}
read -r -a check <<<"$(pkg-config --cflags --libs check)"
export PCIE_CASES=${PCIE_CASES:-1200} CK_FORK=no

# description @ file @ sed expression
mutants='
every damaged TLP gets a Nak@retry.c@s/!s->nak_scheduled || w->flit/true/
a damaged TLP gets no Nak@retry.c@s/!s->nak_scheduled || w->flit/w->flit/
what comes twice is damaged never@retry.c@s/if (w->error_ppb \&\&/if (w->error_ppb \&\& number == s->taken \&\&/
the timer starts a cycle early@retry.c@s/s->timer_from = left;/s->timer_from = left - 1;/
the timer is over a cycle late@retry.c@s/: from + w->replay_limit/: from + w->replay_limit + 1/
an Ack does not start the timer anew@retry.c@s/s->timer_from = later(s->timer_from, .*/;/
the timer runs on when nothing is left@retry.c@s/if (s->acked == s->sent) {/if (0) {/
a Nak does not stop the timer@retry.c@/^static void begin_repetition/,/^}/s/s->timer_from = CLOCK_NEVER;/;/
the third repetition is a rollover@retry.c@s/ROLLOVER = 4/ROLLOVER = 3/
REPLAY_NUM goes on counting@retry.c@/^static void progress/,/^}/s/s->replay_num = 0;/;/
what is acknowledged meanwhile comes again@retry.c@s/if ((int32_t)(s->next - s->acked) < 0)/if (0)/
a Nak acknowledges nothing@wire.c@s/nak.units.header = cover(w, d, s, lost);/cover(w, d, s, true);/
an Ack is due after a Nak@wire.c@s/nak.units.header = cover(w, d, s, lost);/;/
timers run on while the link is retrained@retry.c@s/\*from = \*from < t ? .*/;/
the other timer stops before it is over@retry.c@s/!take_naks(w, d, t) \&\& over\[d\]/!take_naks(w, d, t) \&\& timer_over(w, d) <= t/
nothing waits for the end of the retraining@retry.c@s/wires_pause(w, until);/;/
a rollover lengthens the retraining@retry.c@s/if (w->s.down_until > t) {/if (0) {/
what is regular is sent after the retraining@wire.c@s/p->period \&\& p->due < until/0/
a lost Ack is not made good@wire.c@s/about->s.untold = lost ? n : 0;/about->s.untold = 0;/
a lost UpdateFC is not made good@wire.c@s/\*untold = lost ? .*/*untold = (struct units){ 0, 0 };/
an idle link is not refreshed@wire.c@s/c->fc_due = earlier(c->fc_due, c->fc_sent + w->refresh);/;/
what comes twice is not acknowledged@wire.c@s/if (w->policy == PCIE_DLLP_ON_DEMAND \&\& !w->flit) {/if (0) {/
a Nak leaves others due@wire.c@s/    pop_until(\&about->broken, s);/    ring_pop(\&about->broken);/
DLLPs are lost without a count@wire.c@s/bad_dllps += lost/bad_dllps += 0/
credits come back in the order of arrival@wire.c@s/at > 0 \&\& ((struct handover/false \&\& ((struct handover/
what starts before a replay is settled after it@link.c@/^static bool replay/,/^}/s/while (now > 0 .*/;/
what is sent does not know of the last Acks@link.c@/^uint64_t link_send/,/^}/s/hear(link, direction, start);/;/
a repetition down goes back in time@link_inside.h@s/ready = link->wires.wire\[DOWN\].s.next_from;/ready = 0;/
nothing goes down when a repetition was not needed@root.c@s/return root_starts(link) <= now;$/return false;/
tags are not kept in quarantine@device.c@s/now + link->quarantine/now/
tags in quarantine do not come back@device.c@s/give_back(link, \&link->released, now);/;/
completions that come too late are taken@device.c@s/read->over || read->expires <= arrives/read->over/
a completion may come in the cycle of the timeout@device.c@s/read->expires <= arrives/read->expires < arrives/
timeouts are a cycle late@device.c@s/left + link->timeout/left + link->timeout + 1/
an answer is pushed ahead of one that times out@device.c@s/link->s.expires > arrives \&\& link->s.awaited == 0/link->s.awaited == 0/
an answer is pushed ahead of one that is awaited@device.c@s/link->s.expires > arrives \&\& link->s.awaited == 0/link->s.expires > arrives/
a poisoned register write is seen@device.c@s/by_chance(\&link->s.poison_write\[DOWN\]/false \&\& by_chance(\&link->s.poison_write[DOWN]/
a poisoned write is written@root.c@s/by_chance(\&link->s.poison_write\[UP\]/false \&\& by_chance(\&link->s.poison_write[UP]/
aborted reads are answered@root.c@s/by_chance(\&link->s.aborts/false \&\& by_chance(\&link->s.aborts/
late reads are not late@root.c@s/? ready + link->lateness/? ready/
the answer of a register is there at once@device.c@s/if (reply->from > now) {/if (0) {/
the answer of a register waits for all IDs@device.c@s/(!link->config.ido || link->requests.request\[b->item\].id == 0)/true/
the answer of a register follows what is pushed later@device.c@s/domain, cycle) < 0 \&\&/domain, cycle) <= 0 \&\&/
IDs mean nothing to memory@root.c@s/return link->config.ido ? .*/return 0;/
requests that pass are seen in the order of arrival@root.c@s/flights_add(\&link->up/fly(\&link->up/
IDs mean something without ido@root.c@s/return link->config.ido ? link->requests/return true ? link->requests/
headers below 4 GB have 4 DWs@link.h@s/address >> 32 != 0/true/
'

compile() { # what to make of it, sources...
    "$cc" -std=c17 -D_GNU_SOURCE -O2 -w -I"$work/src" -Isim -I. "$@" "${check[@]}" -lm
}

fresh() {
    rm -rf "$work/src"
    mkdir -p "$work/src"
    cp -r pcie_model "$work/src/"
}

# Compiles the files of the link in $work/src; runs the test. 0: it passes, 1: it fails, 2: no compiler.
try() {
    compile -o "$work/test" "$work"/src/pcie_model/{device,link,requests,retry,ring,root,tlp,wire}.c \
        "$work"/rest/*.o >"$work/log" 2>&1 || return 2
    timeout 200 "$work/test" >"$work/log" 2>&1 || return 1
}

fresh
mkdir -p "$work/rest"
for f in tests/timing/test_pcie_twin.c tests/timing/pcie_*.c pcie_model/{config,host_memory*,llc,lru}.c sim/engine/*.c; do
    compile -c -o "$work/rest/$(basename "$f" .c).o" "$f" 2>/dev/null || {
        echo "not ok $f does not compile"
        exit 1
    }
done
PCIE_CASES=300 try || {
    cat "$work/log"
    echo "not ok the link as it is"
    exit 1
}
echo "ok the link as it is"
failed=0
while IFS='@' read -r what file expression; do
    [[ -n $what && $what == *"${1:-}"* ]] || continue
    fresh
    sed -i "$expression" "$work/src/pcie_model/$file"
    if cmp -s "pcie_model/$file" "$work/src/pcie_model/$file"; then
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
    *) echo "ok $what: $(grep -oE 'case [0-9]+.*|Assertion .*' "$work/log" | head -1)" ;;
    esac
done <<<"$mutants"
exit "$failed"
