#!/usr/bin/env bash
# Usage: benchmark_table_test.sh PROGRAM SCRIPT: scripts/benchmark_table runs, resumes, leaves alone, and adds up rightly.
set -euo pipefail
program=$(realpath "$1")
script=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
fail() { echo "$*"; [[ ! -f out ]] || cat out; exit 1; }
says() { grep -qF -- "$1" out || fail "'$1' is not in:"; }
table() { "$script" --program "$program" "$@" > out 2>&1; }

# Two algorithms and a planner; the run of one seed is there already, but short.
few=(--set environments=2 --set horizon=100 --set ppo.policy.hidden=4 --set ppo.value.hidden=4 --set ppo.epochs=1)
"$program" train ppo --env Pendulum-v1 --seed 2 --steps 200 --out runs/ppo/Pendulum-v1/seed_2 "${few[@]}" > /dev/null 2>&1
whole=(--tasks Pendulum-v1 --algorithms 'ppo,plan/rs' --steps 600 --jobs 2 --runs runs --out results
       --with "ppo=${few[*]}" --with 'plan/rs=--budget 10 --steps 20')
table "${whole[@]}" || fail "it fails:"
says "ppo on Pendulum-v1, seed 1: begins"
says "ppo on Pendulum-v1, seed 2: goes on"
for seed in 1 2; do
  tail -1 runs/ppo/Pendulum-v1/seed_$seed/metrics.csv | grep -q '^3,600,' || fail "seed $seed did not take 600 steps"
done
grep -q '^| ppo | 600 | 2 |' results/table.md || fail "no row of ppo"
grep -q '^| plan/rs | - | 2 |' results/table.md || fail "no row of the planner"
cp results/curves.csv first.csv
table "${whole[@]}" || fail "it fails the second time:"
[[ $(grep -c 'finished already' out) == 4 ]] || fail "not everything was left alone:"
cmp first.csv results/curves.csv || fail "the second time the curves are others"

# A planner that cannot plan on a task is left out, and said to be.
table --tasks mbbl/CartPole --algorithms plan/ilqr,plan/rs --seeds 1 --runs plans --with 'plan/rs=--budget 10 --steps 3' || fail "it fails:"
says "plan/ilqr on mbbl/CartPole: left out"
grep -q '^plan/ilqr is left out: it needs derivatives' plans/table.md || fail "the table does not say what was left out"
grep -q '^| plan/rs | - | 1 |' plans/table.md || fail "no row of the other planner"

# Statistics: eight runs whose returns are 0, 0, 1, 2, 7, 9, 100 and 1000; what comes before the last tenth does not count.
seed=0
for value in 9 0 1000 1 7 0 100 2; do
  seed=$((seed + 1))
  mkdir -p known/ppo/mbbl_Pendulum/seed_$seed
  printf 'round,step,return\n1,500,5000\n2,950,\n3,1000,%s\n' "$value" > known/ppo/mbbl_Pendulum/seed_$seed/metrics.csv
done
table --tasks mbbl/Pendulum --algorithms ppo --seeds 1,2,3,4,5,6,7,8 --steps 1000 --runs known || fail "it fails:"
grep -q '^| ppo | 1000 | 8 | 4.5 | 4.75 | 0.* to .* | 5000 |' known/table.md || { cat known/table.md; fail "the numbers are wrong"; }
grep -q '^| PETS-CEM, published | 200000 | ' known/table.md || fail "no published row"
grep -q '^ppo,mbbl/Pendulum,500,8,5000,5000,5000,5000,5000$' known/curves.csv || fail "no curve"

# Mistakes.
refused() { local says=$1; shift; ! table "$@" || fail "not refused: $*"; says "$says"; }
refused "unknown argument '--fly'" --fly high
refused "'none' is no number" --steps none
refused "expected NAME=ARGUMENTS" --with ppo
refused "which is none of" --algorithms ppo --with sac=--x
refused "seed 1: failed, see" --tasks NoSuchTask --algorithms ppo --runs failing
