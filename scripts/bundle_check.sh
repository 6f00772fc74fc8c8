#!/usr/bin/env bash
# Packs the GPU bundle and runs it dry where a bare machine is all there is: a root of Debian's own base and Python, with
# LibTorch laid in, without a network. The last line is "N passed, N failed". Wants a build of the preset cuda.
# usage: scripts/bundle_check.sh
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

fail() {
  echo "bundle_check: $*" >&2
  exit 2
}

command -v dpkg-query >/dev/null || fail "packages: got no dpkg, want Debian or Ubuntu, whose files make the bare root"
as_root=()
if ((EUID != 0)); then as_root=(--map-root-user); fi
unshare "${as_root[@]}" --mount --net true || fail "namespaces: got none, want unshare to make them (run this as root)"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
readonly bundle=$scratch/bundle root=$scratch/root
readonly base=(bash coreutils dash findutils grep gzip libc-bin libstdc++6 python3 sed tar)

# What a package of the base and those it stands on hold, as this machine has them.
make_root() {
  local packages
  mkdir -p "$root"/{usr/{bin,lib,lib64,sbin},dev,proc,tmp,bundle,libtorch,results}
  for folder in bin lib lib64 sbin; do ln -s "usr/$folder" "$root/$folder"; done
  mapfile -t packages < <(apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances "${base[@]}" | grep '^[a-z]' | sort -u)
  dpkg-query -L "${packages[@]}" | grep -vE '^/usr/share/(doc|man|locale|info)/|^/\.$' | sort -u |
    while read -r path; do
      if [[ ! -d $path && -e $path ]]; then echo "${path#/}"; fi
    done | tar -C / -cf - --no-recursion --files-from=- | tar -C "$root" -xf - --keep-directory-symlink
}

# in_root <command>...: LibTorch is Python's torch there, as on a cluster.
in_root() {
  unshare "${as_root[@]}" --mount --net bash -euc '
    root=$1 bundle=$2 libtorch=$3
    mount --rbind /dev "$root/dev"
    mount --rbind /proc "$root/proc"
    mount --bind "$bundle" "$root/bundle"
    mount -o remount,bind,ro "$root/bundle"
    mount --bind "$libtorch" "$root/libtorch"
    mount -o remount,bind,ro "$root/libtorch"
    exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin PYTHONPATH=/libtorch OUT=/results "${@:4}"
  ' - "$root" "$bundle" "$packages" "$@"
}

passed=0
failed=0
# check <what> <command>...
check() {
  if "${@:2}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1"
  fi
}

lacks_libraries() {
  local library
  for library in "$bundle"/lib/*; do
    [[ ! $library =~ /libz(std)?\.so ]] || continue  # Python and dpkg stand on them
    if compgen -G "$root/usr/lib/*/${library##*/}" >/dev/null; then return 1; fi
  done
}
refuses_without_gpu() {
  local status=0
  in_root env LD_LIBRARY_PATH="$1" /bundle/bin/gpu_probe info --config /bundle/configs/debug.json || status=$?
  ((status == 8))
}
# A processor has one way to compute the products of experts; those that a step does not take are a GPU's.
all_are_measured() {
  [[ -s $root/results/summary.txt ]] &&
    ! grep 'not measured' "$root/results/summary.txt" | grep -vE '^ops\.\w+\.experts_(gate_up|down)_(tensor_cores|by_expert) '
}
measured_besides() { grep -q "^| \`$1\` | [^ ]" "$root/results/summary.md"; }

# The step of a dry run has no kernels to count.
counts_kernels() {
  local kernel='{"cat": "kernel", "name": "k", "dur": 1500}' launch='{"cat": "cuda_runtime", "name": "cudaLaunchKernel"}'
  local wait='{"cat": "cuda_runtime", "name": "cudaStreamSynchronize", "dur": 1}'
  echo "{\"traceEvents\": [$kernel, $launch]}" >"$scratch/short"
  echo "{\"traceEvents\": [$kernel, $launch, $kernel, $kernel, $launch, $launch, $wait, $wait]}" >"$scratch/long"
  python3 "$bundle/profile_step.py" "$scratch/short" "$scratch/long" 2 |
    grep -F '{"kernels": 1.0, "copies": 0, "launches": 1.0, "waits": 1.0, "busy_ms": 1.5, '
}

torch=$(scripts/setup.sh --print --cuda | sed -n 1p)
packages=$(realpath "$torch/..")
scripts/gpu_bundle.sh "$bundle"
make_root
check "the root lacks every library of the bundle" lacks_libraries

SECONDS=0
in_root BUDGET=600 bash /bundle/run_on_gpu.sh --dry || true
echo "the dry run took $SECONDS s"
if [[ -s $root/results/logs.tar.gz ]]; then tar -C "$scratch" -xzf "$root/results/logs.tar.gz"; fi
while IFS=$'\t' read -r stage status _; do
  check "stage $stage: $status" test "$status" = 'exit 0'
  if [[ $status != 'exit 0' ]]; then tail -n 20 "$scratch/logs/${stage//\//.}.log" || true; fi
done < <(cat "$scratch/stages.tsv" || echo $'all\tmissing')
check "every predicted number is measured" all_are_measured
for number in cuda_tests.skipped train.moe_512.loss waits.total; do
  check "the table has $number" measured_besides "$number"
done
check "a profile is counted" counts_kernels
check "gpu_probe says that there is no GPU" refuses_without_gpu \
  "/libtorch/torch/lib:/bundle/lib:$(printf ':%s' "$packages"/nvidia/*/lib | sed "s|$packages|/libtorch|g")"

echo "$passed passed, $failed failed"
((failed == 0))
