# What the oracle's steps run: weave.sh MODE CONST [WORD | @FILE]... -- OUTPUT... -- INPUT...
# Marks its start in TALLY beside itself; `fail` leaves half an output behind.
set -eu
echo "$RIVERRUN_STEP" >> "${0%/*}/tally"
mode=$1 const=$2
line="$1 $2"
used=
shift 2
while [ "$1" != -- ]; do
    case $1 in
    @*) used="$used ${1#@}" ;;
    *) line="$line $1" ;;
    esac
    shift
done
shift
out=$1
line="$line $1"
shift
if [ "$1" != -- ]; then
    second=$1
    shift
fi
shift

show() {
    for file; do
        if [ -d "$file" ]; then
            (
                cd "$file"
                find . -mindepth 1 | LC_ALL=C sort | while IFS= read -r entry; do
                    if [ -d "$entry" ]; then
                        echo "dir $entry"
                    elif [ -x "$entry" ]; then
                        echo "exec $entry"
                        cat "$entry"
                    else
                        echo "file $entry"
                        cat "$entry"
                    fi
                done
            )
        elif [ -f "$file" ]; then
            cat "$file"
        fi
    done
}
head() {
    echo "$line"
    [ -z "$used" ] || cat $used
}
letters() {
    head
    show "$@" | LC_ALL=C cut -c1 | LC_ALL=C sort -u
}

if [ "$const" = fail ]; then
    case $mode in
    split) mkdir "$out" && echo half > "$out/base.txt" ;;
    *) echo half > "$out" ;;
    esac
    exit 3
fi
case $mode in
join | pair) { head; show "$@"; } > "$out" ;;
exec) { head; show "$@"; } > "$out" && chmod 755 "$out" ;;
coarse) letters "$@" > "$out" ;;
split)
    mkdir "$out" "$out/deep" "$out/hollow"
    head > "$out/deep/all.txt"
    { echo base; show "$@"; } | while read -r word rest; do
        { head; echo "$word"; } > "$out/$word.txt"
        case $word in x*) chmod 755 "$out/$word.txt" ;; esac
    done
    ;;
esac
[ "$mode" != pair ] || letters "$@" > "$second"
