#!/usr/bin/env bash
# Does the lockstep of sa_table notice? Each line below breaks the RTL or the C blocks in one place; `espnic cosim
# sa_table` must find a difference for every one of them, with one of the sets of parameters. Before that, each set as it
# is, for longer. Part of `make soak`: a quarter of an hour. (Which free way of a bucket is taken shows nowhere.)
#
# usage: bash tests/lockstep/soak_sa_table_mutants.sh [WORD]     only the mutants whose description has WORD
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
work=$PWD/$build/sa_table_mutants
export ESPNIC_PRESETS=${ESPNIC_PRESETS:-sim/presets}
command -v verilator >/dev/null 2>&1 || { echo "SKIP mutants: verilator is missing"; exit 0; }

mapfile -t sets <tests/lockstep/sa_table.sets
cycles=${CYCLES:-1000000}

# description @ file @ sed expression
mutants='
RTL: a row of another number@rtl_models/sa_hash.sv@s/HIGH  = splitmix(FIRST + 64.d1)/HIGH  = splitmix(FIRST + 64\x27d2)/
RTL: memories have the same rows@rtl_models/sa_hash.sv@s/64.(MEMORY) \* 64.d32/64\x27(0 * MEMORY)/
RTL: the fullest bucket with room@rtl_models/sa_table.sv@s/if (free_ways > best)/if (free_ways != 0 \&\& (best == 0 || free_ways < best))/
RTL: the last memory at a tie@rtl_models/sa_table.sv@s/if (free_ways > best)/if (free_ways != 0 \&\& free_ways >= best)/
RTL: the last free place of the stash@rtl_models/sa_table.sv@/stash_free = .0;/,/end/s/for (ci = STASH - 1; ci >= 0; ci = ci - 1)/for (ci = 0; ci < STASH; ci = ci + 1)/
RTL: no key leaves the stash@rtl_models/sa_table.sv@s/if (in_stash) moves = 1.b0;/moves = 1\x27b0;/
RTL: any key leaves the stash@rtl_models/sa_table.sv@s/ == at_bucket) begin/ == at_bucket || WAYS > 0) begin/
RTL: the last key of the stash moves@rtl_models/sa_table.sv@/moves       = 1.b0;/,/end/s/for (ci = STASH - 1; ci >= 0; ci = ci - 1)/for (ci = 0; ci < STASH; ci = ci + 1)/
RTL: an entry is found while it is being deleted@rtl_models/sa_table.sv@s/live\[named\]  <= 1.b0;/live[named]  <= live[named];/
RTL: the stash is not looked at@rtl_models/sa_table.sv@s/exact_entry = exact_entry | stash_id/exact_entry = exact_entry | 0 \& stash_id/
RTL: keys of any destination are not counted down@rtl_models/sa_table.sv@s/ - ID_W.(removes \&\& keyed \&\& cmd_key.*;/;/
RTL: a look-up of two accesses has the port once@rtl_models/sa_table.sv@s/second <= start \&\& probes == 2.d2/second <= 1\x27b0/
RTL: commands do not have the port@rtl_models/sa_table.sv@s/!(second || accesses)/!second/
RTL: the first access a cycle late@rtl_models/sa_table.sv@s/run_wait     <= work - 16.d1/run_wait     <= work/
RTL: the work takes a cycle more@rtl_models/sa_table.sv@s/18.(LOOKUP_PACE) - 18.d1/18\x27(LOOKUP_PACE)/
RTL: a hit takes no reference while one is given back@rtl_models/sa_table.sv@s/if (hit \&\& found == entry) held/if (hit \&\& let_go == 0 \&\& found == entry) held/
RTL: a release in the last cycle of a DELETE is missed@rtl_models/sa_table.sv@s/ left = rest\[ri\*22 +: 22\];/ left = left;/
RTL: DELETE does not wait@rtl_models/sa_table.sv@s/run_status == OK \&\& left == .0;/run_status == OK;/
RTL: the oldest free entry is taken@rtl_models/sa_table.sv@s/back\[backs - 1.b1\]/back[0]/
RTL: the generation stays when there is no slot@rtl_models/sa_table.sv@s/else if (refused) generation/else if (1\x27b0) generation/
RTL: the generation stays@rtl_models/sa_table.sv@s/if (frees) generation\[run_id\] <= generation\[run_id\] + 32.d1/if (frees) generation[run_id] <= generation[run_id]/
RTL: what a release frees cannot be taken at once@rtl_models/sa_table.sv@s/count - ID_W.(drains) - ID_W.(frees) >= /count - ID_W\x27(frees) >= /
RTL: the response of the work comes before that of a release@rtl_models/sa_table.sv@s/adds_tail = done_tail;/adds_tail = adds_run ? next_place(done_tail) : done_tail;/;s/done\[adds_tail\] <= run/done[done_tail] <= run/;s/done_tail <= adds_run ? next_place(adds_tail) : adds_tail/done_tail <= adds_tail/
RTL: UPDATE of an entry that is being deleted@rtl_models/sa_table.sv@s/if (!end_names || !live\[end_named\]) end_status/if (!end_names) end_status/
RTL: UPDATE does not look at the protocol@rtl_models/sa_table.sv@s/key\[end_named\]\[160:128\] != ckey\[run\]\[160:128\]/key[end_named][159:128] != ckey[run][159:128]/
RTL: a release of nobody counts@rtl_models/sa_table.sv@/let_go\[ri\] = rel_valid/,/;/s/ \&\& rest\[ri\*22 +: 22\] != .0;/;/
RTL: packets past the look-up wait for the port@rtl_models/sa_table.sv@s/in_bypass || !(second/!(second/
RTL: a command is taken without a place@rtl_models/sa_table.sv@s/assign cmd_ready = .*/assign cmd_ready = todos != K_W\x27(COMMANDS);/
C: another row@sa_table/slots.c@s/(++number \* /(number++ * /
C: IPv4 in the high half@sa_table/table.c@s/key.word\[1\] = v6 ? number_of(dst, 8) : 0/key.word[1] = v6 ? number_of(dst, 8) : number_of(dst, 4)/
C: AH is no bit of the key@sa_table/table.c@s/(uint64_t)(entry->op == ESP_OP_AH) << 32/0/
C: the last memory at a tie@sa_table/slots.c@s/if (count > most)/if (count >= most \&\& count > 0)/
C: the last free place of the stash@sa_table/slots.c@/^static bool into_stash/,/^}/s/uint32_t i = 0; i < slots->config.stash; i++/uint32_t i = slots->config.stash; i-- > 0;/
C: nothing leaves the stash@sa_table/slots.c@s/slots->state.in_stash != 0 \&\& i </false \&\& i </
C: a move out of the stash costs nothing@sa_table/slots.c@/^static void empty_stash/,/^}/s/cost->writes++;/;/
C: the first that was freed is taken first@sa_table/pool.c@/^void sa_pool_release/,/^}/s/.*pool->state.free = id;/    if (pool->state.free != 0) { uint32_t last = pool->state.free; while (get_link(\&pool->chunks, last) != 0) { last = get_link(\&pool->chunks, last); } set_link(\&pool->chunks, id, 0); set_link(\&pool->chunks, last, id); } else { pool->state.free = id; }/
C: entries being added are found@sa_table/table.c@/^static uint32_t if_live/,/^}/s/state == SA_LIVE/state <= SA_LIVE/
C: the second access always@sa_table/table.c@/^struct sa_hit sa_table_look(/,/^}/s/ \&\& table->fixed.wildcards != 0/ \&\& true/
C: a duplicate is full first@sa_table/table.c@/^static enum sa_reason install/,/^}/s/if (is_duplicate(table, node)) {/if (!is_full(table, node) \&\& is_duplicate(table, node)) {/
C: looked up once, when it is asked for the first time@sim/nic/sa_lookup.c@/^static bool rx_ready/,/^}/s/if (looks(card, p)) {/if (!p->looked \&\& looks(card, p)) { p->looked = 1;/
C: no reference@sim/nic/sa_lookup.c@/^static void looked/,/^}/s/take_sa(card, p, p->sa);/;/
C: a look-up has the port a cycle longer@sim/nic/lookup_port.c@s/port.free = now + accesses/port.free = now + accesses + 1/
C: accesses of commands are early@sim/nic/lookup_port.c@s/now >= p->from \&\& now < p->to \&\& (now - p->from)/now + 1 >= p->from \&\& now + 1 < p->to \&\& (now + 1 - p->from)/
C: packets past the look-up use the port@sim/nic/sa_lookup.c@/^static void rx_begin/,/^}/s/now, p->probes/now, 2/;/^static void rx_begin/,/^}/s/if (p->probes)/if (true)/
C: accesses of commands are free@sim/nic/lookup_port.c@s/return cycles;/return 0;/
C: DELETE does not wait@sim/nic/command.c@s/sa_context(card->table, s->id\[i\])->references == 0/true/;s/sa_context(&card->table, s->id\[i\])->references == 0/sa_context(\&card->table, s->id[i])->references < 3/
C: an UPDATE is free@sim/nic/command.c@s/return work(card, c->update, c->update_commands, 1)/return work(card, 0, c->update_commands, 1)/
C: the next command begins a cycle later@sim/nic/command.c@s/    if (c->s.running || (next = next_ready/    if (slot_at(card, 0)->finish == now || c->s.running || (next = next_ready/
C: the youngest command first@sim/nic/command.c@s/c->turn\[i\] < c->turn\[best\]/c->turn[i] > c->turn[best]/
C: a handle is good after its SA is gone@sa_table/table.c@s/context->generation = generation + 1;/context->generation = generation;/
C: UPDATE of any SPI@sa_table/table.c@s/entry == NULL || entry->spi != spi/entry == NULL/
'

mkdir -p "$work"
flags=$(cat "$build/flags")
libraries=$(tr ' ' '\n' <<<"$flags" | grep '^-l' | tr '\n' ' ')
main=$build/obj/sim/cli/main.o
export ESPNIC_RTL_CACHE=$work/cache

# PROGRAM CYCLES RTL: with every set, until one fails. 0: no difference, 1: one has been found, 2: it cannot be made.
try() {
    local set arguments
    for set in "${sets[@]}"; do
        arguments=()
        for p in $set; do arguments+=(--param "$p"); done
        timeout 600 "$1" cosim sa_table --cycles "$2" --rtl "$3" "${arguments[@]}" >"$work/log" 2>&1
        case $? in
        0) ;;
        2) return 2 ;;
        *) return 1 ;;
        esac
    done
    return 0
}

try "$build/espnic" "$cycles" rtl_models || {
    cat "$work/log"
    echo "not ok sa_table as it is"
    exit 1
}
echo "ok sa_table as it is: ${#sets[@]} sets of parameters, $cycles cycles each, no difference"
failed=0
while IFS='@' read -r what file expression; do
    [[ -n $what && $what == *"${1:-}"* ]] || continue
    rtl=rtl_models program=$build/espnic
    case $what in
    RTL*)
        rtl=$work/rtl
        rm -rf "$rtl"
        cp -r rtl_models "$rtl"
        broken=$rtl/${file#rtl_models/}
        ;;
    *)
        # where cosim looks for the RTL and the pins: beside the build
        program=$build/espnic-mutant
        broken=$work/mutant.c
        cp "$file" "$broken"
        ;;
    esac
    sed -i "$expression" "$broken"
    if cmp -s "$file" "$broken"; then
        echo "not ok $what: the place to break is not there any more"
        failed=1
        continue
    fi
    if [[ $what != RTL* ]] && ! eval "$flags" -w "-I$(dirname "$file")" -o "$program" "$broken" "$main" \
        "$build/libespnic-cli.a" "$build/libespnic.a" "$libraries" >"$work/log" 2>&1; then
        cat "$work/log"
        echo "not ok $what: does not compile"
        failed=1
        continue
    fi
    try "$program" "${MUTANT_CYCLES:-100000}" "$rtl" 2>/dev/null
    case $? in
    0)
        echo "not ok $what: not noticed"
        failed=1
        ;;
    2)
        cat "$work/log"
        echo "not ok $what: cannot be made"
        failed=1
        ;;
    *)
        if grep -qE 'differs|internal error|assertion|Assertion' "$work/log"; then
            echo "ok $what: $(grep -oE 'cycle [0-9]+: .*|internal error.*|Assertion.*' "$work/log" | head -1)"
        else
            cat "$work/log"
            echo "not ok $what: fails without a difference"
            failed=1
        fi
        ;;
    esac
done <<<"$mutants"
rm -f "$build/espnic-mutant"
exit "$failed"
