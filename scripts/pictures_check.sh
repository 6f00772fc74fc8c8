#!/usr/bin/env bash
# Other programs read our pictures: TensorBoard's own reader the event files, also after kills in mid-write; Chromium
# without a window the report. Installs both where they are missing: Chromium by apt, TensorBoard in a virtual
# environment below build/python. Screenshots go to build/<preset>/pictures. The last line is "N passed, N failed".
# usage: scripts/pictures_check.sh [<release of TensorBoard>]
set -euo pipefail
cd "$(dirname "$0")/.."

release=${1:-2.20.0}
preset=$(scripts/setup.sh --preset)
environment=build/python/tensorboard-$release
if [[ ! -e $environment/ready ]]; then
  python3 -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check "tensorboard==$release"
  touch "$environment/ready"
fi

# Ubuntu's package of that name is an empty one that asks for snap.
if ! command -v chromium chromium-browser google-chrome >/dev/null && grep -q '^ID=debian' /etc/os-release; then
  as_root=()
  if ((EUID != 0)); then as_root=(sudo); fi
  echo 'pictures_check: installing chromium' >&2
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    chromium fonts-dejavu-core >/dev/null
fi

MM_PYTHON=$environment/bin/python3 tests/e2e/pictures_test.sh "build/$preset/bin"
