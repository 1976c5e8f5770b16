# shellcheck shell=bash
# Sourced after common.sh: what the machine must have. Only what is missing is installed, nothing is removed, and no
# package that starts a service: those are unpacked into a folder of the repository instead.

# shellcheck source=scripts/common.sh
: "${repo:?common.sh comes first}"
readonly tools="$repo/artifacts/tools"

# What the machine must have, and for which handlers. A line counts if one of its handlers is wanted and is in this tree.
#   install  onto the machine, if what shows it is missing: a path is looked for as it is, a name on the PATH
#   welcome  the same, where the distribution and the processor have it: Berth runs without
#   unpack   into artifacts/tools only: the package would start a service, or change the host's boot loader
package_table() {
  cat <<'END'
*                                      install  conmon                            conmon
*                                      install  catatonit                         catatonit
*                                      install  iptables                          iptables
*                                      install  ip                                iproute2
*                                      install  /usr/lib/cni/bridge               containernetworking-plugins
*                                      install  /usr/share/containers/seccomp.json golang-github-containers-common
runc,docker,shim-v2                    install  runc                              runc
crun,rkt,clear-containers,runv         install  crun                              crun
runsc                                  welcome  runsc                             runsc
clear-containers,runv                  install  qemu-system-x86_64                qemu-system-x86
clear-containers,runv                  install  mkfs.erofs                        erofs-utils
*                                      install  clang                             clang
*                                      install  /usr/include/zlib.h               zlib1g-dev
clear-containers                       welcome  /usr/libexec/virtiofsd            virtiofsd
clear-containers,runv                  install  lz4                               lz4
clear-containers,runv                  install  xz                                xz-utils
rkt                                    install  systemd-nspawn                    systemd-container
tests                                  install  openssl                           openssl
tests                                  install  go                                golang-go
tests                                  install  node                              nodejs
tests                                  install  /usr/share/gocode/src/github.com/docker/spdystream golang-github-docker-spdystream-dev
tests                                  welcome  criu                              criu
docker                                 unpack   -                                 docker.io
docker                                 unpack   -                                 containerd
END
}

present() {
  case "$1" in
    /*) [ -e "$1" ] ;;
    *) PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null ;;
  esac
}

# Whether a handler is one of this tree's.
has_handler() { grep -qs "\"$1\"" "$repo/plugins.json" "$repo"/plugins/*/plugin.json; }

# is_wanted HANDLERS WANTED: both comma-separated; nothing wanted is everything. What is for "tests" only ./test wants.
is_wanted() {
  local handler
  [ "$1" = '*' ] && return
  [ "$1" = tests ] && { [ "${for_tests:-no}" = yes ]; return; }
  for handler in ${1//,/ }; do
    has_handler "$handler" || continue
    case ",$2," in
      ,, | *",$handler,"*) return ;;
    esac
  done
  return 1
}

# Brings what is missing for the handlers named (a,b; none is all), and says before it does what and how big.
install_packages() {
  local handlers how shown package missing=() optional=() unpacked=()
  while read -r handlers how shown package; do
    is_wanted "$handlers" "${1:-}" || continue
    case "$how" in
      install) present "$shown" || missing+=("$package") ;;
      welcome) present "$shown" || optional+=("$package") ;;
      unpack) [ -e "$tools/$package/.complete" ] || unpacked+=("$package") ;;
    esac
  done < <(package_table)

  if [ "${#missing[@]}" -eq 0 ] && [ "${#optional[@]}" -eq 0 ] && [ "${#unpacked[@]}" -eq 0 ]; then
    return
  fi

  command -v apt-get >/dev/null || {
    [ "${#missing[@]}" -eq 0 ] && [ "${#unpacked[@]}" -eq 0 ] && return
    fail "install these with this system's package manager: ${missing[*]} ${unpacked[*]}"
  }
  refresh_lists "${missing[@]}" "${unpacked[@]}"
  # Without any list nobody can say whether the distribution has what is welcome.
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || quietly apt-get update -q
  for package in "${optional[@]}"; do
    available "$package" && missing+=("$package")
  done

  if [ "${#missing[@]}" -gt 0 ]; then
    step "installing ${missing[*]} ($(download_size "${missing[@]}"))"
    quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-remove --no-install-recommends "${missing[@]}"
  fi

  unpack_tool "${unpacked[@]}"
}

# What apt-get would fetch, dependencies included.
download_size() {
  apt-get install --print-uris -qq -y --no-remove --no-install-recommends "$@" 2>/dev/null |
    awk '{ bytes += $3; count++ } END { printf "%d packages, %.1f MiB to download", count, bytes / 1048576 }'
}

# For parts of the tests that need more than Berth does; entries as above.
install_also() {
  local entry missing=()
  for entry in "$@"; do
    present "${entry%%=*}" || missing+=("${entry#*=}")
  done

  [ "${#missing[@]}" -eq 0 ] && return
  refresh_lists "${missing[@]}"
  step "installing ${missing[*]}"
  quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-remove --no-install-recommends "${missing[@]}"
}

# No pipe into grep -q: it would end apt-cache with SIGPIPE now and then, which pipefail takes for a no.
available() { [[ "$(apt-cache policy "$1" 2>/dev/null)" == *"Candidate: "[!\(]* ]]; }

# A machine that has never asked its package servers knows no package at all.
refresh_lists() {
  local package
  for package in "$@"; do
    if ! available "$package"; then
      step "refreshing the package lists"
      quietly apt-get update -q
      return
    fi
  done
}

# Unpacks packages without installing them, each in a folder of its own name.
unpack_tool() {
  local package
  for package in "$@"; do
    [ -e "$tools/$package/.complete" ] && continue
    command -v apt-get >/dev/null || fail "$package: only apt-get can fetch it"
    refresh_lists "$package"
    step "unpacking $package into artifacts/tools ($(unpacked_size "$package"))"
    rm -rf "${tools:?}/$package" "$tools/.download"
    mkdir -p "$tools/$package" "$tools/.download"
    (cd "$tools/.download" && quietly apt-get download -q -o APT::Sandbox::User=root "$package")
    quietly dpkg-deb -x "$tools/.download/$package"_*.deb "$tools/$package"
    rm -rf "$tools/.download"
    touch "$tools/$package/.complete"
  done
}

unpacked_size() {
  apt-cache show --no-all-versions "$1" |
    awk '$1 == "Size:" { size = $2 } $1 == "Installed-Size:" { disk = $2 } END { printf "%.1f MiB to download, %.1f MiB on the disk", size / 1048576, disk / 1024 }'
}

# The package with the shim of runc also has a service, so where the machine has no such shim the program alone is taken and put
# beside the plugin that runs it.
provide_shim() {
  present containerd-shim-runc-v2 && return
  unpack_tool containerd
  mkdir -p "$repo/artifacts/plugins/shim-v2"
  cp -u "$tools/containerd/usr/bin/containerd-shim-runc-v2" "$repo/artifacts/plugins/shim-v2/"
}

# The package that the distribution's current cloud kernel is: smaller than the ordinary one, with the same virtio drivers.
cloud_kernel() {
  local package
  package="linux-image-cloud-$(dpkg --print-architecture)"
  refresh_lists "$package" >&2
  apt-cache depends --no-recommends --no-suggests "$package" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}

# The kernel and the first file system of virtual machines. Packages of kernels change a machine's boot loader when they are
# installed, so one is only unpacked.
provide_guest() {
  command -v apt-get >/dev/null || return 0
  "$repo/guest/build"
}

# The sample image is one static program. Debian's packages busybox and busybox-static exclude each other, so a machine
# with the first keeps it, and the second is only unpacked. Sets $busybox.
# shellcheck disable=SC2034 # for the scripts that source this
find_busybox() {
  local candidate
  for candidate in "$(command -v busybox)" "$tools/busybox-static/usr/bin/busybox" "$tools/busybox-static/bin/busybox"; do
    if [ -x "$candidate" ] && is_static "$candidate"; then
      busybox="$candidate"
      return
    fi
  done

  [ -e "$tools/busybox-static/.complete" ] && fail "$tools/busybox-static holds no static busybox: remove that folder"
  unpack_tool busybox-static
  find_busybox
}

# ldd(1) fails on what has no dynamic section; nothing is run.
is_static() { ! ldd "$1" >/dev/null 2>&1; }
