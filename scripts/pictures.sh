#!/usr/bin/env bash
# Makes the pictures of README.md anew, docs/images/panel.png and report.png: a quickstart of its own, three minutes on
# two idle cores, in output/pictures, drawn by Chromium. Wants a build, the corpus, and Chromium, which
# scripts/pictures_check.sh installs. Arguments go to pretrain.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=build/python/readme_pictures
packages='pyte==0.8.2 pillow'
if [[ $(cat "$environment/ready" 2>/dev/null) != "$packages" ]]; then
  python3 -m venv --clear "$environment"
  # shellcheck disable=SC2086
  "$environment/bin/pip" install --quiet --disable-pip-version-check $packages
  echo "$packages" >"$environment/ready"
fi
"$environment/bin/python3" tests/python/readme_pictures.py "build/$(scripts/setup.sh --preset)/bin" docs/images "$@"
