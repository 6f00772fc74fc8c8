#!/usr/bin/env bash
# Threads that wait give their processor to others, unless the user says otherwise; and there are as many of them as the
# process may use processors. Usage: waiting_threads_test.sh <folder of the programs>
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
pretrain=$1/pretrain
unset GOMP_SPINCOUNT OMP_WAIT_POLICY
failures=0

expect() {
  local what=$1 got=$2 want=$3
  [[ $got == "$want" ]] && return
  echo "FAILED: $what: got '$got', want '$want'"
  failures=1
}

# at_work <what to ask of the process> [<variable>=<value>]: the answer of a program that is at work.
at_work() {
  local process
  env "${@:2}" "$pretrain" --config "$root/configs/debug.json" --bench 100000 >/dev/null 2>&1 &
  process=$!
  sleep 1
  "$1" "$process" || true
  kill -9 "$process"
  wait "$process" 2>/dev/null || true
}

# What its OpenMP runtime was told, and what ps and pkill call it.
policy() { tr '\0' '\n' <"/proc/$1/environ" | grep -E '^(GOMP_SPINCOUNT|OMP_WAIT_POLICY)='; }
name() { cat "/proc/$1/comm"; }

expect 'the policy of a program' "$(at_work policy)" GOMP_SPINCOUNT=100000
expect 'a policy of the user' "$(at_work policy OMP_WAIT_POLICY=active)" OMP_WAIT_POLICY=active
expect 'a count of the user' "$(at_work policy GOMP_SPINCOUNT=7)" GOMP_SPINCOUNT=7
expect 'the name of a program' "$(at_work name)" pretrain

first=$(taskset -cp $$ | sed -E 's/.*: *([0-9]+).*/\1/')
bench=$(taskset -c "$first" "$pretrain" --config "$root/configs/debug.json" --bench 1)
expect 'threads on one processor' "$(grep -oE 'cpu, [0-9]+ threads?' <<<"$bench")" 'cpu, 1 thread'

exit "$failures"
