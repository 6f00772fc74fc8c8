#!/usr/bin/env bash
# Makes data/corpus/<domain>.jsonl, about 13 MB of real text in five domains, out of Debian packages; with --large also
# data/corpus_large/<domain>.jsonl, about 178 MB in thirteen, out of 450 MB of packages.
# The packages are unpacked in a temporary folder, nothing is installed. A corpus that is there is left as it is.
# In a checkout, data/ is the checkout's; installed (minimind-get-corpus), it is below the current folder.
# usage: scripts/get_corpus.sh [--large] [<folder, by default data/corpus; the large one goes to <folder>_large>]
set -euo pipefail
scripts=$(dirname "$(realpath "$0")")
if [[ -f $scripts/setup.sh ]]; then cd "$scripts/.."; fi

fail() {
  echo "corpus: $*" >&2
  exit 3
}

large=false
if [[ ${1:-} == --large ]]; then
  large=true
  shift
fi
readonly scripts large corpus=${1:-data/corpus}
readonly corpus_large=${corpus}_large
readonly domains=(literature_zh handbook_zh manuals_zh bible_en python)
readonly domains_large=(help_zh guides_zh kernel_zh games_zh messages_zh games_en prose_en dictionary_en kernel_en
  manuals_en python_libraries go rust)

# have <folder> <domain>...
have() {
  local folder=$1 domain
  shift
  for domain; do
    [[ -s $folder/$domain.jsonl ]] || return 1
  done
}

# versioned <package> <pattern>: the package with the distribution's version in its name, which the one without needs;
# or that one, where it needs no such. The newest Python, say, whatever python3 is on PATH.
versioned() {
  local found
  found=$(apt-cache depends "$1" 2>/dev/null | grep -oE "$2" || true)
  found=${found%%$'\n'*}
  echo "${found:-$1}"
}

# unpack <package>...: downloads them and unpacks them into $work/root, without pictures, sounds and programs.
unpack() {
  command -v apt-get >/dev/null ||
    fail "packages: got no apt-get, want Debian or Ubuntu (elsewhere bring your own text; see data/README.md)"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT  # a global: the trap outlives this function
  mkdir "$work/root"
  echo "corpus: downloading $*"
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=2 download "$@") ||
    fail "packages: got a failed download, want $* (check the network; run apt-get update once)"
  local package
  for package in "$work"/*.deb; do
    dpkg-deb --fsys-tarfile "$package" |
      tar -x -C "$work/root" --exclude='*.'{png,jpg,gif,svg,pdf,epub,ogg,webm}
    rm "$package"
  done
}

make_corpus() {
  command -v groff >/dev/null || fail "groff: got none, want it to render manual pages (apt-get install groff-base)"
  local stdlib
  stdlib=$(versioned python3-minimal 'python3\.[0-9]+')
  unpack fortunes-zh debian-reference-zh-cn debian-faq-zh-cn manpages-zh bible-kjv bible-kjv-text \
    "lib$stdlib-stdlib" "lib$stdlib-minimal"
  python3 -B "$scripts/corpus.py" "$work/root" "$work/corpus"
  mkdir -p "$corpus"
  mv "$work"/corpus/*.jsonl "$corpus"
  rm -r "$work"
}

make_corpus_large() {
  local wesnoth packages present absent
  wesnoth=$(versioned wesnoth 'wesnoth-[0-9.]+')
  packages=(
    # help, guides and the kernel in Chinese, their originals
    libreoffice-help-zh-{cn,tw} gnome-user-docs mate-user-guide evolution-common omegat mplayer-doc
    debian-handbook debmake-doc maint-guide-zh-{cn,tw} installation-guide-amd64 harden-doc debian-edu-doc-zh-cn
    lilypond-doc-html-zh rust-web-doc "$(versioned linux-doc 'linux-doc-[0-9.]+')"
    # games
    cataclysm-dda-data ufoai-misc "$wesnoth"-{did,httt,utbs}
    # programs whose catalogues hold many sentences
    aptitude-common audacity-data darktable digikam-data dolphin-emu-data dpkg e2fsprogs-l10n filezilla-common
    freeipa-common git gnucash-common gnupg-l10n gramps k3b-i18n kdevelop-l10n kile-l10n krita-l10n ktexteditor-data
    libgegl-common libparted-i18n libreoffice-l10n-zh-cn libvirt-l10n mypaint-data phpmyadmin siril-common
    util-linux-locales virtinst vlc-l10n wordpress-l10n zypper-common
    # prose and dictionaries
    anarchism debian-history fortunes fortunes-min sword-comm-{mhcc,scofield,tdavid} dict-{foldoc,gcide,jargon}
    # manuals
    "$(versioned python3-doc 'python3\.[0-9]+-doc')" "$(versioned postgresql-doc 'postgresql-doc-[0-9]+')"
    c++-annotations-html git-doc perl-doc
    # code
    mercurial-common python3-{django,networkx,pandas,sklearn,sqlalchemy,statsmodels,sympy,twisted}
    "$(versioned golang-src 'golang-[0-9.]+-src')" rust-src
  )
  mapfile -t present < <(apt-cache --no-all-versions show "${packages[@]}" 2>/dev/null |
    sed -n 's/^Package: //p' | sort -u)
  mapfile -t absent < <(comm -23 <(printf '%s\n' "${packages[@]}" | sort -u) <(printf '%s\n' "${present[@]}"))
  ((${#absent[@]} == 0)) || echo "corpus: not in this distribution, left out: ${absent[*]}"
  unpack "${present[@]}"
  echo "corpus: making $corpus_large (some minutes)"
  python3 -B "$scripts/corpus_large.py" "$work/root" "$corpus" "$work/corpus"
  mkdir -p "$corpus_large"
  mv "$work"/corpus/*.jsonl "$corpus_large"
}

# table <folder> <domain>...
table() {
  local folder=$1 domain
  shift
  printf '%-18s%10s%8s\n' domain documents MB
  for domain; do
    printf '%-18s%10d%8s\n' "$domain" "$(wc -l <"$folder/$domain.jsonl")" \
      "$(awk "BEGIN {printf \"%.1f\", $(stat -c %s "$folder/$domain.jsonl") / 1e6}")"
  done
}

have "$corpus" "${domains[@]}" || make_corpus
table "$corpus" "${domains[@]}"
if $large; then
  have "$corpus_large" "${domains_large[@]}" || make_corpus_large
  table "$corpus_large" "${domains_large[@]}"
fi
