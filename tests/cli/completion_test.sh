#!/usr/bin/env bash
# Usage: completion_test.sh PROGRAM COMPLETION: what bash completes is what the program knows.
set -euo pipefail
program=$1
# shellcheck source=../../src/cli/mbrl.bash
source "$2"
failed=0

# complete WORDS...: the completions of the last word.
complete_words() {
  COMP_WORDS=(mbrl "$@")
  COMP_CWORD=$#
  _mbrl "$program" "${*: -1}" "${COMP_WORDS[COMP_CWORD - 1]}"
}
expect() {
  local what=$1 word
  shift
  for word in "$@"; do
    if [[ " ${COMPREPLY[*]} " != *" $word "* ]]; then
      echo "$what: '$word' is not among: ${COMPREPLY[*]}"
      failed=1
    fi
  done
}

complete_words ""
expect "commands" plan train plot eval compare envs verify render view
for command in "${COMPREPLY[@]}"; do  # each is one that the program takes
  [[ $command == --* ]] || "$program" "$command" --help > /dev/null || { echo "mbrl $command --help fails"; failed=1; }
done
complete_words pl
expect "commands that begin with pl" plan plot
[[ ${#COMPREPLY[@]} == 2 ]] || { echo "pl: ${COMPREPLY[*]}"; failed=1; }
complete_words plan --
expect "options of plan" --env --planner --seed --budget
complete_words train ""
expect "algorithms" pets
complete_words train pets --
expect "options of train pets" --env --trials --out --resume
complete_words plan --env Pend
expect "environments" Pendulum-v1
complete_words eval ./no-such-run
[[ ${#COMPREPLY[@]} == 0 ]] || { echo "files are left to bash, got: ${COMPREPLY[*]}"; failed=1; }
exit $failed
