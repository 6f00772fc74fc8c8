#!/usr/bin/env bash
# Makes data/corpus/<domain>.jsonl, about 13 MB of real text in five domains, out of Debian packages.
# The packages are unpacked in a temporary folder, nothing is installed. A corpus that is there is left as it is.
# In a checkout, data/ is the checkout's; installed (minimind-get-corpus), it is below the current folder.
# usage: scripts/get_corpus.sh [<folder, by default data/corpus>]
set -euo pipefail
scripts=$(dirname "$(realpath "$0")")
if [[ -f $scripts/setup.sh ]]; then cd "$scripts/.."; fi

fail() {
  echo "corpus: $*" >&2
  exit 3
}

readonly scripts corpus=${1:-data/corpus}
readonly domains=(literature_zh handbook_zh manuals_zh bible_en python)

have_corpus() {
  local domain
  for domain in "${domains[@]}"; do
    [[ -s $corpus/$domain.jsonl ]] || return 1
  done
}

make_corpus() {
  local packages
  command -v apt-get >/dev/null ||
    fail "packages: got no apt-get, want Debian or Ubuntu (elsewhere bring your own text; see data/README.md)"
  command -v groff >/dev/null || fail "groff: got none, want it to render manual pages (apt-get install groff-base)"

  # The newest Python of the distribution, whatever python3 is on PATH.
  local stdlib
  stdlib=$(apt-cache depends python3-minimal 2>/dev/null | grep -oE -m 1 'python3\.[0-9]+' || true)
  packages=(fortunes-zh debian-reference-zh-cn debian-faq-zh-cn manpages-zh bible-kjv bible-kjv-text
    "lib$stdlib-stdlib" "lib$stdlib-minimal")

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT  # a global: the trap outlives this function
  echo "corpus: downloading ${packages[*]}"
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=2 download "${packages[@]}") ||
    fail "packages: got a failed download, want ${packages[*]} (check the network; run apt-get update once)"
  local package
  for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$work/root"
  done
  python3 "$scripts/corpus.py" "$work/root" "$work/corpus"
  mkdir -p "$corpus"
  mv "$work"/corpus/*.jsonl "$corpus"
}

have_corpus || make_corpus

printf '%-16s%10s%8s\n' domain documents MB
for domain in "${domains[@]}"; do
  printf '%-16s%10d%8s\n' "$domain" "$(wc -l <"$corpus/$domain.jsonl")" \
    "$(awk "BEGIN {printf \"%.1f\", $(stat -c %s "$corpus/$domain.jsonl") / 1e6}")"
done
