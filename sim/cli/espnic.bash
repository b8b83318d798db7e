# bash completion for espnic(1).

# Keys of a sweep: options of a run that have a value, paths of parameters.
_espnic_keys()
{
    printf '%s=\n' preset load pace loop oids tx rx tx-filter rx-filter tx-sa forward stop-time packets \
        warmup timing-only
    [[ $1 != *.* ]] || espnic preset show generic-100g --all 2>/dev/null |
        grep -oE '^(card|host|workload|traffic|stop)\.[a-z0-9_.]+' | sed 's/$/=/'
}

# Options of a command, as its --help lists them.
_espnic_options()
{
    espnic "$@" --help 2>/dev/null | grep -oE '^  (-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'
    echo --help
}

_espnic()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]-}
    local words=
    COMPREPLY=()

    if [ "$COMP_CWORD" -eq 1 ]; then
        words='run sweep preset trace pcie validate cosim report help --help --version'
    else
        case $prev in
        --preset | show)
            # Two lines of headings; lines that begin with a space go on with a description.
            words=$(espnic preset list 2>/dev/null | awk 'NR > 2 && /^[^ ]/ { print $1 }') ;;
        --ideal)
            words=$(espnic run --help 2>/dev/null |
                awk '/^BLOCK is one of/ { on = 1; next } /^$/ { on = 0 } on' | tr -d ',') ;;
        --load) words='recorded max' ;;
        --pace) words='recorded' ;;
        --find) words='loss=0' ;;
        --op)
            words='rd wr rdwr'
            [ "${COMP_WORDS[2]-}" != lat ] || words='rd wrrd' ;;
        --forward) words='none host hairpin' ;;
        --dllp) words='on-demand published share' ;;
        --cache) words='cold host device' ;;
        --gen) words='1 2 3 4 5 6' ;;
        --lanes) words='1 2 4 8 16' ;;
        --only)
            words=$(espnic validate --help 2>/dev/null | sed -n 's/^NAME for [a-z0-9]*: //p') ;;
        --columns)
            words="list $(espnic sweep --columns list 2>/dev/null | cut -d' ' -f1)" ;;
        --jobs | --max-points | --share | --point-time) return ;;
        --set | --tx-filter | --rx-filter | --filter | --loop | --interval | --tx-sa | --stop-time | \
            --packets | --warmup | --experiments | --size | --offset | --window | --unit | --transactions | \
            --seed | --sample | --sample-size | --sizes | --context-bytes | --mps | --mrrs | --rcb | --completion | \
            --tags | --llc | --outstanding | --cycles | --param)
            return ;;
        --oids | --tx | --rx | --tx-out | --rx-out | --report | -o | --csv | --series | --timeline | --plot | \
            --active | --accesses | --resume | --wave | --pins | --rtl | --coverage) ;;
        *)
            case $command in
            run)
                [[ $cur != -* ]] || words=$(_espnic_options run) ;;
            sweep)
                if [[ $cur == -* ]]; then
                    words=$(_espnic_options sweep)
                elif [[ -n $cur && $cur != */* ]]; then
                    words=$(_espnic_keys "$cur")
                    compopt -o nospace 2>/dev/null
                fi ;;
            preset)
                [ "$COMP_CWORD" -ne 2 ] || words='list show'
                [[ $cur != -* ]] || words=$(_espnic_options preset) ;;
            trace)
                [ "$COMP_CWORD" -ne 2 ] || words='info check mrc'
                [[ $cur != -* ]] || words=$(_espnic_options trace "${COMP_WORDS[2]}") ;;
            pcie)
                [ "$COMP_CWORD" -ne 2 ] || words='bw lat'
                [[ $cur != -* ]] || words=$(_espnic_options pcie) ;;
            validate)
                [ "$COMP_CWORD" -ne 2 ] || words='pcie cx7 tables'
                [[ $cur != -* ]] || words=$(_espnic_options validate) ;;
            cosim)
                [ "$COMP_CWORD" -ne 2 ] || words="$(espnic cosim --list 2>/dev/null | sed -n 's/^\([a-z_0-9]*\): .*/\1/p')"
                [[ $cur != -* ]] || words=$(_espnic_options cosim) ;;
            report) words=$(_espnic_options report) ;;
            help) words='run sweep preset trace pcie validate cosim report' ;;
            esac ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    # Nothing of ours fits: a file name.
    [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
complete -o filenames -F _espnic espnic
