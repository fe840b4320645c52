# Ends what a command left behind when the program that started it is gone.
#
#   guard.sh MARK      the mark that all of it wears; empty where there is none
#
# Standard input ends when the program is gone: SIGKILL closes it, too. Before, it tells
# the process group of a command without a mark, in one line. The program kills this
# script when it ended the command itself.

below() { # $1 and the processes that descend from it
    ps -A -o pid= -o ppid= | awk -v top="$1" '
        { parent[$1] = $2 }
        END {
            for (pid in parent)
                for (up = pid; up > 1 && up in parent; up = parent[up])
                    if (up == top) { print pid; break }
        }'
}

look() { # put who wears the mark into $live and $dead; $missed: others may
    live= dead= missed=
    set -- /proc/[0-9]*/limits
    for file in $(grep -ls "^Max resident set  *$mark " "$@"); do
        pid=${file#/proc/}
        pid=${pid%/limits}
        stat=
        read -r stat <"/proc/$pid/stat"
        case $stat in
        *') Z '* | *') X '*) dead="$dead $pid" ;;
        '') missed=1 ;;
        *) live="$live $pid" ;;
        esac
    done
    # Who is gone by now may have started something that is not in the list.
    for file in "$@"; do
        [ -e "$file" ] || missed=1
    done
}

main() {
    trap '' HUP INT TERM
    mark=$1 group=
    while read -r line; do group=$line; done
    strays=
    [ -n "$mark" ] || [ -z "$group" ] || strays=$(below "$group")
    # Some may be gone before their turn comes: of that nobody need hear.
    exec 2>/dev/null
    [ -z "$group" ] || kill -KILL "-$group"
    [ -z "$strays" ] || kill -KILL $strays
    rounds=0 known=
    # Who was killed, or has just ended, may have started something before: look again
    # until there is nobody, and nobody more has ended.
    while [ -n "$mark" ] && [ "$rounds" -lt 50 ]; do
        look
        [ -z "$live" ] || kill -KILL $live
        [ -n "$live$missed" ] || [ "$dead" != "$known" ] || break
        known=$dead
        rounds=$((rounds + 1))
    done
}

main "$@"
