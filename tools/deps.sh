#!/bin/sh
# usage: deps.sh build|test|bench
#
# Installs the Debian packages that building, testing or measuring Nunc needs. Safe to run again:
# with everything in place it asks nothing of the network. A Node, npm or Boost that is there
# already is kept. Without root it prints the one command to run. Starts no service.
set -eu
cd "$(dirname "$0")/.."

COMPILER_PACKAGES='g++ cmake make ninja-build ccache'
LIBRARY_PACKAGES='libcli11-dev libexpected-dev libsimdjson-dev libspdlog-dev libssl-dev
  libtomlplusplus-dev libxxhash-dev libzstd-dev zlib1g-dev'
TEST_PACKAGES='ca-certificates chromium clang-16 clang-format-16 clang-tidy-16 libbenchmark-dev
  iproute2 libclang-rt-16-dev libgtest-dev nlohmann-json3-dev python3'
BENCH_PACKAGES='etcd-server libbenchmark-dev nats-server python3 redis-server'
BOOST_MIN=107400

installed() {
  dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

boost_packages() {
  for header in /usr/local/include/boost/version.hpp /usr/include/boost/version.hpp; do
    if [ -r "$header" ]; then
      version=$(sed -n 's/^#define BOOST_VERSION \([0-9]*\)$/\1/p' "$header")
      if [ "${version:-0}" -ge "$BOOST_MIN" ]; then
        return
      fi
      echo "deps.sh: $header is Boost $version, older than $BOOST_MIN; remove it first" >&2
      return 1
    fi
  done
  echo libboost1.81-dev
}

# The variants of libcurl's development package exclude each other; any will do.
curl_packages() {
  for variant in openssl gnutls nss; do
    if installed "libcurl4-$variant-dev"; then
      return
    fi
  done
  echo libcurl4-openssl-dev
}

# Node's own packages bring npm and refuse to live beside Debian's.
node_packages() {
  if ! command -v node >/dev/null; then
    echo nodejs npm
  elif ! command -v npm >/dev/null; then
    echo npm
  fi
}

wanted() {
  echo "$COMPILER_PACKAGES $LIBRARY_PACKAGES"
  boost_packages
  curl_packages
  case $1 in
    test)
      echo "$TEST_PACKAGES"
      node_packages
      ;;
    bench)
      echo "$BENCH_PACKAGES"
      node_packages
      ;;
  esac
}

# Redis, NATS and etcd are started by the benchmark alone. Their packages would start them at once
# and at every boot.
POLICY=/usr/sbin/policy-rc.d
policy_is_ours=no

allow_services() {
  if [ $policy_is_ours = yes ]; then
    rm -f "$POLICY"
    policy_is_ours=no
  fi
}

forbid_services() {
  if [ -e "$POLICY" ]; then
    return
  fi
  trap allow_services EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  policy_is_ours=yes
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
}

apt_install() {
  apt-get update
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    --no-remove --option DPkg::Lock::Timeout=300 "$@"
}

install_missing() {
  what=$1
  shift
  if [ "$(id -u)" -ne 0 ]; then
    echo 'deps.sh: not root, and packages are missing. Run this, then try again:' >&2
    if [ "$what" = bench ]; then
      echo '  sudo tools/deps.sh bench' >&2
    else
      echo "  sudo apt-get install --yes --no-install-recommends $*" >&2
    fi
    exit 1
  fi
  case " $* " in
    *' redis-server '* | *' nats-server '* | *' etcd-server '*)
      forbid_services
      apt_install "$@"
      if command -v systemctl >/dev/null; then
        systemctl --quiet disable redis-server.service nats-server.service etcd.service
      fi
      allow_services
      ;;
    *) apt_install "$@" ;;
  esac
}

# Those of a folder; npm notes in node_modules what it installed.
install_npm_packages() {
  lock=$1/package-lock.json
  noted=$1/node_modules/.package-lock.json
  if [ ! -e "$noted" ] || [ -n "$(find "$lock" -newer "$noted")" ]; then
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund
  fi
}

main() {
  case ${1:-} in
    build | test | bench) ;;
    *)
      echo 'usage: deps.sh build|test|bench' >&2
      exit 2
      ;;
  esac
  packages=$(wanted "$1")
  missing=''
  for package in $packages; do
    installed "$package" || missing="$missing $package"
  done
  if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # one word per package
    install_missing "$1" $missing
  fi
  case $1 in
    test) install_npm_packages tests/e2e ;;
    bench) install_npm_packages bench/cluster ;;
  esac
}

main "$@"
