#!/usr/bin/env bash
# Two network namespaces are two machines with a cable between them: they train one run over TCP as two processes of one
# machine do. The cable is cut in another one: both notice it, and the same command goes on to the same bytes. Skipped
# where no network may be made (77).
# usage: two_machines_test.sh <folder of the programs>
set -euo pipefail
programs=$1
cd "$(dirname "$0")/../.."
root=$PWD
pretrain=$programs/pretrain

one=mm_one_$$ two=mm_two_$$
work=$(mktemp -d)
trap 'for name in $one $two; do ip netns del "$name" 2>/dev/null || true; done; rm -rf "$work"' EXIT
{ ip netns add "$one" && ip netns add "$two"; } 2>/dev/null || exit 77
ip link add "mm1_$$" netns "$one" type veth peer name "mm2_$$" netns "$two" 2>/dev/null || exit 77
plug_in() {  # <namespace> <link> <address>
  ip -n "$1" link set lo up
  ip -n "$1" address add "$3/24" dev "$2"
  ip -n "$1" link set "$2" up
}
plug_in "$one" "mm1_$$" 10.197.0.1
plug_in "$two" "mm2_$$" 10.197.0.2

cd "$work"
printf '{"text": "In the beginning was a short text, number %d of many."}\n' {1..400} >text.jsonl
words() {  # <run>
  echo --config "$root/configs/debug.json" --set data.train=text.jsonl --set tokenizer.path=tokenizer.json \
    --set model.vocab_size=400 --set tokenizer.vocab_size=400 --set train.steps=120 --set checkpoint.every=20 \
    --set evaluation.every=0 --set sample.every=0 --set run.threads=1 --set distributed.timeout_seconds=4 \
    --set run.name="$1"
}
# start <namespace> <rank> <run>: by itself in the background.
start() {
  # shellcheck disable=SC2046
  ip netns exec "$1" env RANK="$2" WORLD_SIZE=2 MASTER_ADDR=10.197.0.1 MASTER_PORT=29400 "$pretrain" $(words "$3") \
    >"$3.$2.log" 2>&1 &
}
fail() {
  echo "two_machines_test.sh: $1"
  tail -n 5 ./*.log
  exit 1
}
# ended <run> <code>: both processes did, with that code.
ended() {
  local process code
  for process in "${processes[@]}"; do
    code=0
    wait "$process" || code=$?
    ((code == $2)) || fail "$1: got exit code $code, want $2"
  done
}
train() {  # <run>
  processes=()
  start "$one" 0 "$1"
  processes+=($!)
  start "$two" 1 "$1"
  processes+=($!)
}
end_of() { cat "output/$1"/checkpoints/step_00000120/*.safetensors | sha256sum; }

# shellcheck disable=SC2046
"$root/scripts/launch.sh" --ranks 2 "$pretrain" $(words here) >here.log 2>&1 || fail 'one machine'
train apart
ended apart 0
[[ $(end_of apart) == "$(end_of here)" ]] || fail 'two machines: got other bytes than from one, want the same'
grep -q '2 ranks on ' apart.0.log || fail 'got no word of the ranks, want one'

train cut
for ((i = 0; i < 3000; ++i)); do
  [[ ! -d output/cut/checkpoints/step_00000020 ]] || break
  sleep 0.01
done
ip -n "$two" link set "mm2_$$" down
ended cut 9
grep -q 'rank 1 on host .* seconds without a sign of life' output/cut/train.log || fail 'got no word of the rank, want one'
ip -n "$two" link set "mm2_$$" up
train cut
ended cut 0
[[ $(end_of cut) == "$(end_of here)" ]] || fail 'after a cut: got other bytes, want the same'
