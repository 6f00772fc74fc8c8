#!/usr/bin/env bash
# What somebody meets who has just cloned this on a bare machine: makes a root of Debian 12 or Ubuntu 24.04 with nothing
# in it but apt, a clean clone of HEAD there, and types what README.md shows, in its order. README_zh.md has the same
# commands, which scripts/check_readme.sh compares. The last line is "N passed, N failed". Wants root and debootstrap;
# takes half an hour on two cores and 6 GB, which the next call finds there again.
#
# usage: scripts/newcomer.sh [<option>...] <bookworm | noble> <folder of the root>
#   --bind <folder>       mounts a folder of this machine there, e.g. a compiler cache
#   --env <name>=<value>  sets a variable there, e.g. the certificate that pip is to trust
#   --mirror <address>    to install from, in place of the distribution's own
#   --without-tests       leaves scripts/test.sh out
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

fail() {
  echo "newcomer: $*" >&2
  exit 2
}

binds=()
variables=()
mirror=
left_out='^(scripts/setup.sh --cuda|scripts/gpu_bundle.sh|bash .gpu/|podman )'  # wants CUDA's compiler, or containers
while [[ ${1:-} == --* ]]; do
  case $1 in
    --bind) binds+=("$2"); shift 2 ;;
    --env) variables+=("$2"); shift 2 ;;
    --mirror) mirror=$2; shift 2 ;;
    --without-tests) left_out+='|^scripts/test.sh'; shift ;;
    *) fail "$1: got an option that there is not, want one of those above (see the top of $0)" ;;
  esac
done
(($# == 2)) || fail "arguments: got $#, want a distribution and a folder (see the top of $0)"
distribution=$1
root=$(realpath -m "$2")
case $distribution in
  bookworm) components=main mirror=${mirror:-http://deb.debian.org/debian} script=sid ;;
  # One script makes every Ubuntu, also one that is newer than the debootstrap here and has no name in it yet.
  noble) components=main,universe mirror=${mirror:-http://archive.ubuntu.com/ubuntu} script=gutsy ;;
  *) fail "distribution: got $distribution, want bookworm or noble" ;;
esac
((EUID == 0)) || fail "user: got $(id -un), want root, who may make a root"
command -v debootstrap >/dev/null || fail "debootstrap: got none, want it (apt-get install debootstrap)"

if [[ ! -e $root/usr/bin/apt-get ]]; then
  debootstrap --variant=minbase --components="$components" "$distribution" "$root" "$mirror" "$script" >&2
fi
cp /etc/resolv.conf /etc/hosts "$root/etc/"
rm -rf "$root/root/minimind.cpp"
git -c advice.detachedHead=false clone --quiet . "$root/root/minimind.cpp"

# there <command>: typed by somebody who has just logged in.
there() {
  unshare --mount --pid --fork bash -euc '
    root=$1 command=$2 binds=$3
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    for folder in $binds; do
      mkdir -p "$root/$folder"
      mount --bind "$folder" "$root/$folder"
    done
    exec chroot "$root" /usr/bin/env -i HOME=/root TERM=xterm LANG=C.UTF-8 "${@:4}" \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      bash -c "cd ~/minimind.cpp && $command" </dev/null
  ' - "$root" "$1" "${binds[*]}" "${variables[@]}"
}

passed=0
failed=0
# step <command>
step() {
  local started=$SECONDS status=0
  echo "+ $1"
  there "$1" || status=$?
  echo "= exit $status after $((SECONDS - started)) s"
  if ((status == 0)); then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# Commands of programs come from scripts/check_readme.sh, all at once where the first of them stands.
programs=
while IFS= read -r command; do
  if [[ $command =~ $left_out ]]; then
    echo "- $command: left out"
  elif [[ $command != build/* && $command != scripts/launch* ]]; then
    step "$command"
  elif [[ -z $programs ]]; then
    programs=done
    step scripts/check_readme.sh
  fi
done < <(awk '/^ *```/ {inside = !inside; next} inside' README.md | sed -e 's/^ *//' |
  sed -e ':join' -e '/\\$/ {N; s/ *\\\n */ /; b join}' | grep -E '^(scripts|build)/|^(bash|cmake|podman) ')
# shellcheck disable=SC2016
step 'PATH=~/.local/bin:$PATH && cd / && pretrain --version && minimind-generate --help >/dev/null'

echo "$passed passed, $failed failed"
((failed == 0))
