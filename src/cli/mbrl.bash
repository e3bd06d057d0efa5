# shellcheck shell=bash
# Completion of mbrl for bash. Commands and options are read from the program's own help and environments from
# 'mbrl envs', once per shell, so that nothing here has to follow them.
declare -gA _mbrl_known=()

# _mbrl_ask KEY ARGUMENTS...: prints what the program prints, remembered by KEY.
_mbrl_ask() {
  local key=$1
  shift
  [[ -v _mbrl_known[$key] ]] || _mbrl_known[$key]=$("$_mbrl_program" "$@" 2>/dev/null)
  printf '%s\n' "${_mbrl_known[$key]}"
}

_mbrl_commands() {
  _mbrl_ask help --help | sed -nE '/^subcommands:/I,$ s/^  ([a-z]+) .*/\1/p'
}

_mbrl() {
  local _mbrl_program=$1 current=$2 previous=$3 command=${COMP_WORDS[1]:-} words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words="$(_mbrl_commands) --help"
  elif [[ $previous == --env || ( $command == verify && $COMP_CWORD == 2 ) ]]; then
    words=$(_mbrl_ask envs envs | awk 'NR > 2 {print $2}')  # rows of a Markdown table
  elif [[ $command == train && $COMP_CWORD == 2 ]]; then
    words=$(_mbrl_ask "train" train --help | sed -nE '/^subcommands:/I,$ s/^  ([a-z][a-z0-9_-]*) .*/\1/p')
    words="$words --help"
  elif [[ $current == -* ]]; then
    if [[ $command == train ]]; then
      words=$(_mbrl_ask "train ${COMP_WORDS[2]}" train "${COMP_WORDS[2]}" --help)
    else
      words=$(_mbrl_ask "$command" "$command" --help)
    fi
    words=$(grep -oE -- '--[a-z][a-z0-9-]*' <<< "$words" | sort -u)
  fi
  # Without a match bash completes names of files: run folders, recordings.
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _mbrl mbrl
