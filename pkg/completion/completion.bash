# Completion of the targets of mage and poststack, their flags, and the arguments of those that take some.
# Load it with: source <(mage completion bash)

# _poststack_offer WORD...: those that begin like the current word. Bash has cut that at its colons, so that what
# stands before the last of them must not be offered again.
_poststack_offer() {
  local cur=$1 word
  shift
  COMPREPLY=()
  for word in "$@"; do
    if [[ $word == "$cur"* ]]; then
      [[ $COMP_WORDBREAKS != *:* ]] || word=${word#"${cur%"${cur##*:}"}"}
      COMPREPLY+=("$word")
    fi
  done
}

_poststack_complete() {
  local line=${COMP_LINE:0:COMP_POINT} program=${COMP_WORDS[0]} cur target='' word flag
  cur=${line##*[[:space:]]}
  local -a words=() found=()
  read -ra words <<<"${line%"$cur"}"
  for word in "${words[@]:1}"; do
    [[ $word == -* ]] || target=$word
  done
  case "$cur,${words[*]: -1}" in
    -*)
      [[ -n $target ]] || return 0
      while read -r flag; do
        case $flag in
          *'=<bool>') found+=("${flag%%=*} ") ;;
          *) found+=("${flag%%<*}") ;;
        esac
      done < <("$program" -h "$target" 2>/dev/null | grep -oE -- '-[A-Za-z]+=<[A-Za-z0-9.]+>')
      compopt -o nospace
      ;;
    *,completion) found=(bash zsh fish) ;;
    *,shell)
      for word in containers/*/image.yaml; do
        [[ ! -e $word ]] || found+=("$(basename "$(dirname "$word")")")
      done
      ;;
    *)
      while read -r word _; do
        found+=("${word%\*}")
      done < <("$program" -l 2>/dev/null | grep '^  ')
      ;;
  esac
  _poststack_offer "$cur" "${found[@]}"
}

complete -F _poststack_complete mage poststack
