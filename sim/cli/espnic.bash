# bash completion for espnic(1).
_espnic()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]-}
    local words=
    COMPREPLY=()

    if [ "$COMP_CWORD" -eq 1 ]; then
        words='run preset trace report help'
    else
        case $prev in
        --preset | show)
            words=$(espnic preset list 2>/dev/null | awk '{ print $1 }') ;;
        --oids | --tx | --rx | --tx-out | --rx-out | --report)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return ;;
        --set | --ideal | --tx-filter | --rx-filter)
            return ;;
        *)
            case $command in
            run)
                words='--preset --set --oids --tx --rx --tx-filter --rx-filter --tx-out --rx-out
                    --report --ideal --timing-only --strict' ;;
            preset) [ "$COMP_CWORD" -ne 2 ] || words='list show' ;;
            trace) [ "$COMP_CWORD" -ne 2 ] || words='info check' ;;
            report) words='--describe' ;;
            help) words='run preset trace report' ;;
            esac ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    # Nothing of ours fits: a file name.
    [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
complete -o filenames -F _espnic espnic
