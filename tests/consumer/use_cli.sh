#!/bin/sh
# use_cli.sh PROGRAM: an algorithm and an environment of a user's own are trained, killed, resumed, evaluated and plotted.
set -eu
program=$1
runs=use_cli_runs
rm -rf "$runs" "$runs.log"
fail() { echo "use_cli.sh: $1" >&2; exit 1; }
options="--env my/Rail --seed 3 --threads 1 --eval-every 500 --eval-episodes 2"

# Killed once it has a checkpoint; then resumed for some rounds more than it had done.
# shellcheck disable=SC2086
"$program" train search $options --out "$runs/killed" --steps 100000000 > "$runs.log" 2>&1 &
pid=$!
tries=0
while [ ! -e "$runs/killed/checkpoint/state.safetensors" ] || [ "$(wc -l < "$runs/killed/metrics.csv")" -lt 8 ]; do
  kill -0 $pid 2> /dev/null || fail "it ended by itself"
  tries=$((tries + 1))
  [ $tries -lt 3000 ] || fail "no round within five minutes"
  sleep 0.1
done
kill -KILL $pid
wait $pid 2> /dev/null || true
done_steps=$(tail -n 1 "$runs/killed/metrics.csv" | cut -d, -f2)
steps=$((done_steps + 2000))
"$program" train search --out "$runs/killed" --resume --steps $steps

# shellcheck disable=SC2086
"$program" train search $options --out "$runs/whole" --steps $steps
cmp "$runs/killed/metrics.csv" "$runs/whole/metrics.csv" || fail "the killed run has other numbers"
grep -q '"algorithm": "search"' "$runs/whole/settings.json" || fail "settings.json does not name the algorithm"

# It has learned: at rest where it starts, a carriage earns about -100.
"$program" eval "$runs/whole" --episodes 2 --seed 5 > "$runs/eval.txt"
cat "$runs/eval.txt"
grep -q "^mean return -[0-4]\?[0-9]\." "$runs/eval.txt" || fail "it has not learned"

# What the algorithm lacks is said in words, and so is what is misspelt.
! "$program" compare "$runs/whole" 2> "$runs/err" || fail "compare took a run without planners"
grep -q "search does not plan in an ensemble" "$runs/err" || fail "compare does not say why"
! "$program" train serach --env my/Rail --out "$runs/none" 2> "$runs/err" || fail "it took another name"
grep -q "did you mean 'search'" "$runs/err" || fail "a misspelt algorithm is not corrected"
"$program" train search --env my/Rail --set noise=0.1 --list-settings noise | grep -q '^\* noise = 0.1 (default 0.3)' ||
  fail "its settings are not listed"
"$program" envs my/Rail | grep -q "100 steps" || fail "the environment is not listed"

# The built-in algorithm on the same environment.
"$program" train pets --env my/Rail --trials 1 --threads 1 --out "$runs/pets" --set model.hidden=8 --set rollout.horizon=3 \
  --set training.epochs=1 --set planner.icem.population=8 --set planner.icem.elites=2
if command -v gnuplot > /dev/null; then
  "$program" plot "$runs/whole" "$runs/pets" --out "$runs/curves.svg" | tee "$runs/plot.txt"
  grep -q "my/Rail, algorithm=search, 1 seed" "$runs/plot.txt" || fail "plot does not tell the algorithms apart"
fi
rm -rf "$runs" "$runs.log"
