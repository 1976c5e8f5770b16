# shellcheck shell=bash
# Sourced by ./berth and ./test: messages, root, the .NET SDK, building as the calling user.

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly repo

step() { printf '==> %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command silently; its whole output is shown only if it fails.
quietly() {
  local output
  output="$("$@" 2>&1)" && return
  printf '%s\n' "$output" >&2
  fail "this failed: $*"
}

# Namespaces, mounts and cgroups need root. Starts the script anew under sudo where it is not root yet.
become_root() {
  [ "$(id -u)" -eq 0 ] && return
  command -v sudo >/dev/null || fail "namespaces, mounts and cgroups need root, and there is no sudo here: run this as root"
  exec sudo -- "$@"
}

# The user whose tree this is: files that a build makes belong to him, not to root.
as_caller() {
  if [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
    runuser -u "$SUDO_USER" -- env HOME="$(caller_home)" "$@"
  else
    "$@"
  fi
}

caller_home() {
  if [ -n "${SUDO_USER:-}" ]; then
    getent passwd "$SUDO_USER" | cut -d: -f6
  else
    printf '%s' "${HOME:-/root}"
  fi
}

# sudo's PATH lacks the places where SDKs usually are. Sets $dotnet.
find_sdk() {
  local candidate
  for candidate in "$(command -v dotnet)" "${DOTNET_ROOT:-/nonexistent}/dotnet" /usr/share/dotnet/dotnet /usr/lib/dotnet/dotnet \
    /usr/local/share/dotnet/dotnet "$(caller_home)/.dotnet/dotnet" /opt/dotnet/dotnet; do
    if [ -x "$candidate" ] && "$candidate" --list-sdks 2>/dev/null | grep -q '^10\.'; then
      dotnet="$candidate"
      return
    fi
  done

  fail "the .NET 10 SDK is missing. It is one download, no root needed: https://dotnet.microsoft.com/download/dotnet/10.0
       (or: curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0); it is found in PATH, DOTNET_ROOT,
       /usr/share/dotnet, /usr/lib/dotnet, /opt/dotnet and ~/.dotnet"
}

# Where the .NET that runs is: what is on the PATH may be a script that starts it.
dotnet_folder() { "$dotnet" --list-runtimes | sed -n 's|^Microsoft.NETCore.App 10\..*\[\(.*\)/shared/Microsoft.NETCore.App\]$|\1|p' | tail -n 1; }

# Builds projects or solutions, for release.
build() {
  local project
  step "building"
  mkdir -p "$repo/artifacts"
  if [ -n "${SUDO_USER:-}" ]; then
    chown -R "$SUDO_USER:" "$repo/artifacts"
  fi

  for project in "$@"; do
    quietly as_caller env DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 \
      "$dotnet" build "$project" --configuration Release --nologo --verbosity quiet -consoleLoggerParameters:NoSummary
  done
}
