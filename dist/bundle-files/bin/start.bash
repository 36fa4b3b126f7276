# What the programs of this folder begin with: where things are, and how Java is started.
set -u
unset CDPATH
bundle=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd -P) || exit 2

# fail MESSAGE [STATUS]
fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "${2:-2}"
}

# Java reads arguments and paths in the character set of the locale. In the plain C locale, and in one that is not
# installed, that is ASCII, and Chinese would be lost.
case $(locale charmap 2>/dev/null || echo "${LC_ALL:-${LC_CTYPE:-${LANG:-C}}}") in
    ANSI_X3.4-1968 | US-ASCII | C | POSIX) export LC_ALL=C.UTF-8 ;;
esac

[ -x "$bundle/runtime/bin/java" ] || fail "$bundle/runtime/bin/java is not there; unpack the bundle again"
# The log is lines of level and message.
java=(
    "$bundle/runtime/bin/java" --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow
    -Djava.awt.headless=true -Dfile.encoding=UTF-8 -Dreward.home="$bundle/dist"
    -Dorg.slf4j.simpleLogger.showThreadName=false -Dorg.slf4j.simpleLogger.showLogName=false
)

# make_output DIR: sets $output to its absolute path.
make_output() {
    mkdir -p "$1" 2>/dev/null && [ -w "$1" ] || fail "cannot write to $1; name another folder by --output"
    output=$(cd "$1" && pwd -P)
}

# say_about DATE: when, of what and on what a report was made.
say_about() {
    COMMIT=$(cat "$bundle/commit") JAVA_HOME=$bundle/runtime "$bundle/benchmarks/about" "$1"
}

# use_python: with the python3 of a virtual environment on the path, what pip has put there is found as if it were active.
use_python() {
    local python prefix
    [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && python=$(command -v "${PYTHON:-python3}") || return 0
    prefix=$("$python" -c 'import sys; print(sys.prefix if sys.prefix != sys.base_prefix else "")' 2>/dev/null)
    [ -z "$prefix" ] || export VIRTUAL_ENV="$prefix"
}
