#!/usr/bin/env bash
# Does a router that learns pay? Trains four small models of equal active width on the same text, batches and steps:
#   dense           no experts
#   minimind        MiniMind-3's shipped router: 4 experts, top-1 with the weight normalised to 1
#   minimind_raw    the same four experts with the raw probability as weight and a z-loss, so that the router learns
#   ours            8 experts of a third of the width, top-2, one shared
# The active feed-forward width of all four is 576. Prints validation loss (mean over the seeds, and each) and speed.
# Usage: scripts/compare_recipes.sh [--steps N] [--seeds "1 2 3"] [--only-table] [-- more arguments for pretrain]
set -euo pipefail
cd "$(dirname "$0")/.."

steps=240
seeds='1 2 3'
train=yes
while (($# > 0)); do
  case $1 in
    --steps) steps=$2; shift 2 ;;
    --seeds) seeds=$2; shift 2 ;;
    --only-table) train=no; shift ;;
    --) shift; break ;;
    *) echo "compare_recipes: got $1, want --steps, --seeds, --only-table or --" >&2; exit 2 ;;
  esac
done

readonly pretrain=${PRETRAIN:-build/release/bin/pretrain}
readonly recipes=(dense minimind minimind_raw ours)
readonly four_experts=(model.num_experts=4 model.num_experts_per_tok=1 model.n_shared_experts=0
  model.moe_intermediate_size=576)
declare -rA settings=(
  [dense]='model.model_type=dense model.intermediate_size=576'
  [minimind]="${four_experts[*]} model.norm_top1_prob=true model.aux_loss=token_sum model.router_aux_loss_coef=0.0005
    model.router_z_loss_coef=0"
  [minimind_raw]="${four_experts[*]} model.norm_topk_prob=false"
  [ours]=''
)

# run <recipe> <seed>: one model, with a validation at the end; a run that is there already is not repeated.
run() {
  local setting arguments=()
  for setting in ${settings[$1]}; do arguments+=(--set "$setting"); done
  "$pretrain" --config configs/quickstart.json --set run.name="recipe_$1_$2" --set run.seed="$2" \
    --set train.steps="$steps" --set evaluation.every=120 --set evaluation.tokens=262144 --set sample.every=0 \
    --set checkpoint.every=120 --set checkpoint.keep=1 "${arguments[@]}" "${@:3}"
}

if [[ $train == yes ]]; then
  for seed in $seeds; do
    for recipe in "${recipes[@]}"; do run "$recipe" "$seed" "$@"; done
  done
fi

# last <file> <type> <field>: a number of the last record of that type.
last() { grep "\"type\":\"$2\"" "$1" | tail -n 1 | grep -oE "\"$3\":[-+.0-9e]+" | cut -d: -f2; }

# median_rate <file>: tokens per second of the median step.
median_rate() {
  grep -oE '"tokens_per_second":[.0-9e+]+' "$1" | cut -d: -f2 | sort -g | awk '{a[NR]=$1} END {print a[int((NR+1)/2)]}'
}

printf '%-14s %16s %10s   %s\n' recipe 'validation loss' 'tok/s' 'loss of each seed'
for recipe in "${recipes[@]}"; do
  losses='' rates=''
  for seed in $seeds; do
    folder=output/recipe_${recipe}_$seed
    losses+=" $(last "$folder/metrics.jsonl" evaluation loss)"
    rates+=" $(median_rate "$folder/timing.jsonl")"
  done
  awk -v recipe="$recipe" -v losses="$losses" -v rates="$rates" 'BEGIN {
    n = split(losses, loss, " "); split(rates, rate, " ")
    for (i = 1; i <= n; ++i) { sum += loss[i]; speed += rate[i]; each = each sprintf(" %.4f", loss[i]) }
    printf "%-14s %16.4f %10.0f  %s\n", recipe, sum / n, speed / n, each
  }'
done
