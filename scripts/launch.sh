#!/usr/bin/env bash
# Starts several processes of one run on this machine, where no torchrun is at hand. A signal reaches all of them; when
# one ends with an error, so do the others. The exit code is that of the first that failed.
# usage: scripts/launch.sh --ranks N [--port PORT] <program> <argument>...
#   scripts/launch.sh --ranks 2 build/release/bin/pretrain --config configs/quickstart.json --set train.accumulation=2
set -uo pipefail

# What the others get to end by themselves before they are ended.
readonly grace_seconds=20

fail() {
  echo "launch.sh: $1: got $2, want $3" >&2
  exit 2
}

ranks=''
port=''
while (($#)); do
  case $1 in
    --ranks | --port)
      [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || fail "$1" "${2:-nothing}" 'a number from 1 on'
      if [[ $1 == --ranks ]]; then ranks=$2; else port=$2; fi
      shift 2
      ;;
    --help | -h)
      sed -n '2,5s/^# //p' "$0"
      exit 0
      ;;
    -*) fail argument "$1" '--ranks N, --port PORT, then a program and its arguments' ;;
    *) break ;;
  esac
done
[[ -n $ranks ]] || fail --ranks nothing 'the number of processes'
(($#)) || fail program nothing 'the one to start, with its arguments'

# Below the ports that the system gives to others by itself.
is_taken() { grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf '%04X' "$1") " /proc/net/tcp /proc/net/tcp6 2>/dev/null; }
if [[ -z $port ]]; then
  port=$((20000 + RANDOM % 12000))
  while is_taken "$port"; do port=$((20000 + RANDOM % 12000)); done
fi

export WORLD_SIZE=$ranks LOCAL_WORLD_SIZE=$ranks MASTER_ADDR=127.0.0.1 MASTER_PORT=$port
processes=()
for ((rank = 0; rank < ranks; ++rank)); do
  RANK=$rank LOCAL_RANK=$rank "$@" &
  processes+=($!)
done

send() { kill -"$1" "${processes[@]}" 2>/dev/null; }
# Ctrl-C on a terminal has reached them already, as they are in its foreground group.
trap : INT
trap 'send TERM' TERM
trap 'send HUP' HUP
trap 'send USR1' USR1

# The code of the first that failed. A wait that a signal interrupts names no process: it leaves `ended` unset.
code=0
running=$ranks
deadline=0
while ((running)); do
  status=0
  ended=''
  if ((deadline)); then
    # `wait` knows no time limit; a sleep that ends first is the limit.
    sleep $((deadline > SECONDS ? 1 : 0)) &
    limit=$!
    wait -n -p ended "${processes[@]}" "$limit" || status=$?
    if [[ ${ended:-} == "$limit" ]]; then
      ended=''
      if ((SECONDS >= deadline)); then
        send KILL
      fi
    else
      kill "$limit" 2>/dev/null
      wait "$limit" 2>/dev/null
    fi
  else
    wait -n -p ended "${processes[@]}" || status=$?
  fi
  [[ -n ${ended:-} ]] || continue
  ((--running))
  for i in "${!processes[@]}"; do
    if [[ ${processes[i]} == "$ended" ]]; then unset 'processes[i]'; fi
  done
  if ((status && !code)); then
    code=$status
    deadline=$((SECONDS + grace_seconds))
  fi
done
exit "$code"
