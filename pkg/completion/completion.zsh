#compdef mage poststack
# Completion of the targets of mage and poststack, their flags, and the arguments of those that take some.
# Load it behind compinit with: source <(mage completion zsh)

_poststack_complete() {
  setopt localoptions extendedglob
  local program=$words[1] cur=$words[CURRENT] target= word
  local -a found
  for word in ${words[2,CURRENT-1]}; do
    [[ $word == -* ]] || target=$word
  done
  case $cur,$words[CURRENT-1] in
    -*)
      [[ -n $target ]] || return 1
      found=(${(f)"$($program -h $target 2>/dev/null | grep -oE -- '-[A-Za-z]+=<[A-Za-z0-9.]+>')"})
      compadd -- ${${(M)found:#*=<bool>}%=*}
      compadd -S '' -- ${${found:#*=<bool>}%<*}
      ;;
    *,completion) compadd bash zsh fish ;;
    *,shell)
      found=(containers/*/image.yaml(N:h:t))
      compadd -- $found
      ;;
    *)
      local line name
      for line in ${(f)"$($program -l 2>/dev/null | grep '^  ')"}; do
        name=${${line#  }%% *}
        line=${line#  $name}
        found+=("${${name%\*}//:/\\:}:${line##[[:space:]]##}")
      done
      _describe -t targets target found
      ;;
  esac
}

compdef _poststack_complete mage poststack
