# shellcheck shell=bash
# Sourced after common.sh: what the machine must have. Only what is missing is installed, nothing is removed, and no
# package that starts a service: those are unpacked into a folder of the repository instead.

# shellcheck source=scripts/common.sh
: "${repo:?common.sh comes first}"
readonly tools="$repo/artifacts/tools"

# What provides it, and the package. A path is looked for as it is, a name on the PATH.
readonly needed=(
  runc=runc
  crun=crun
  conmon=conmon
  catatonit=catatonit
  systemd-nspawn=systemd-container
  iptables=iptables
  ip=iproute2
  /usr/lib/cni/bridge=containernetworking-plugins
  /usr/share/containers/seccomp.json=golang-github-containers-common
  clang=clang
  /usr/include/zlib.h=zlib1g-dev
)

# Where the distribution or the processor has them; Berth runs without.
readonly welcome=(
  runsc=runsc
)

present() {
  case "$1" in
    /*) [ -e "$1" ] ;;
    *) PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null ;;
  esac
}

install_packages() {
  local entry missing=()
  for entry in "${needed[@]}"; do
    present "${entry%%=*}" || missing+=("${entry#*=}")
  done

  local optional=()
  for entry in "${welcome[@]}"; do
    present "${entry%%=*}" || optional+=("${entry#*=}")
  done

  if [ "${#missing[@]}" -eq 0 ] && [ "${#optional[@]}" -eq 0 ]; then
    return
  fi

  command -v apt-get >/dev/null || { [ "${#missing[@]}" -eq 0 ] && return; fail "install these with this system's package manager: ${missing[*]}"; }
  refresh_lists "${missing[@]}"
  # Without any list nobody can say whether the distribution has what is welcome.
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || quietly apt-get update -q
  for entry in "${optional[@]}"; do
    available "$entry" && missing+=("$entry")
  done

  [ "${#missing[@]}" -eq 0 ] && return
  step "installing ${missing[*]}"
  quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-remove --no-install-recommends "${missing[@]}"
}

# The package with the shim of runc also has a service, so where the machine has no such shim the program alone is taken and put
# beside the plugin that runs it.
provide_shim() {
  present containerd-shim-runc-v2 && return
  unpack_tool containerd
  mkdir -p "$repo/artifacts/plugins/shim-v2"
  cp -u "$tools/containerd/usr/bin/containerd-shim-runc-v2" "$repo/artifacts/plugins/shim-v2/"
}

available() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }

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

# Unpacks packages without installing them, for programs that would otherwise come with a running service.
unpack_tool() {
  local package
  for package in "$@"; do
    [ -e "$tools/$package/.complete" ] && continue
    command -v apt-get >/dev/null || fail "$package: only apt-get can fetch it"
    refresh_lists "$package"
    step "unpacking $package into artifacts/tools"
    rm -rf "${tools:?}/$package" "$tools/.download"
    mkdir -p "$tools/$package" "$tools/.download"
    (cd "$tools/.download" && quietly apt-get download -q -o APT::Sandbox::User=root "$package")
    quietly dpkg-deb -x "$tools/.download/$package"_*.deb "$tools/$package"
    rm -rf "$tools/.download"
    touch "$tools/$package/.complete"
  done
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
