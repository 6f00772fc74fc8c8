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

# policy_of [<variable>=<value>]: what the OpenMP runtime of a program that is at work was told.
policy_of() {
  local process
  env "$@" "$pretrain" --config "$root/configs/debug.json" --bench 100000 >/dev/null 2>&1 &
  process=$!
  sleep 1
  tr '\0' '\n' <"/proc/$process/environ" | grep -E '^(GOMP_SPINCOUNT|OMP_WAIT_POLICY)=' || true
  kill -9 "$process"
  wait "$process" 2>/dev/null || true
}

expect 'the policy of a program' "$(policy_of)" GOMP_SPINCOUNT=100000
expect 'a policy of the user' "$(policy_of OMP_WAIT_POLICY=active)" OMP_WAIT_POLICY=active
expect 'a count of the user' "$(policy_of GOMP_SPINCOUNT=7)" GOMP_SPINCOUNT=7

first=$(taskset -cp $$ | sed -E 's/.*: *([0-9]+).*/\1/')
bench=$(taskset -c "$first" "$pretrain" --config "$root/configs/debug.json" --bench 1)
expect 'threads on one processor' "$(grep -oE 'cpu, [0-9]+ threads?' <<<"$bench")" 'cpu, 1 thread'

exit "$failures"
