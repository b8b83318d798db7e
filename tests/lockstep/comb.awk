# always_comb blocks that read what they write: FILE:LINE and the names. One block, from its line to the `end` below it, with
# assignments that begin a line or stand behind a condition (the style of rtl_models).
function finish(   at, name, rest, target, all, i, n, lines, text, named) {
    n = split(body, lines, "\n")
    for (i = 1; i <= n; i++) {
        text = lines[i]
        sub(/\/\/.*/, "", text)
        # a line can hold a condition and an assignment: the target is what stands before a lone =
        while (match(text, /[a-z_][A-Za-z0-9_]*(\[[^=]*\])?[ ]*=[^=]/)) {
            name = substr(text, RSTART, RLENGTH)
            if (RSTART > 1 && substr(text, RSTART - 1, 1) ~ /[<>!=A-Za-z0-9_.]/) {
                text = substr(text, RSTART + RLENGTH - 1)
                continue
            }
            sub(/[^A-Za-z0-9_].*/, "", name)
            target[name] = 1
            text = substr(text, RSTART + RLENGTH - 1)
        }
    }
    for (i = 1; i <= n; i++) {
        text = lines[i]
        sub(/\/\/.*/, "", text)
        gsub(/for \([^)]*\)/, "", text)  # the counter of a loop
        # names that are read: all but a target before its =
        while (match(text, /[A-Za-z_][A-Za-z0-9_:.]*/)) {
            name = substr(text, RSTART, RLENGTH)
            rest = substr(text, RSTART + RLENGTH)
            if (name in target && rest !~ /^(\[[^=]*\])?[ ]*=[^=]/ && !(name in named)) {
                named[name] = 1
                all = all " " name
            }
            text = rest
        }
    }
    if (all != "") print FILENAME ":" begun ":" all
}
/^ *always_comb/ { indent = match($0, /[^ ]/) - 1; begun = FNR; body = ""; inside = 1; next }
inside && match($0, /[^ ]/) - 1 <= indent { finish(); inside = 0 }
inside { body = body $0 "\n" }
