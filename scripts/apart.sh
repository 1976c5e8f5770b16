# shellcheck shell=bash
# Sourced after common.sh: runs a suite of tests beside another, in namespaces of its own, so that neither sees what the other makes.

# Whether that can be: where a controller is on cgroup v2, a cgroup with a process of its own has no children with controllers
# (cgroups(7), "no internal processes"), so the root of a cgroup namespace does not do for a gateway there.
can_be_apart() { [ -e /sys/fs/cgroup/memory/cgroup.procs ] && [ ! -s /sys/fs/cgroup/unified/cgroup.subtree_control ]; }

# apart NAME COMMAND...: in mount, PID, network, IPC, host name and cgroup namespaces; /run, /tmp and /var/lib are its own too. What
# the command leaves ends with it.
apart() {
  local name="$1" status=0 folder places=() cgroup
  shift
  folder="$(mktemp -d "$repo/artifacts/apart-XXXXXX")"
  while read -r cgroup; do
    places+=("$cgroup/berth-apart-$name")
  done < <(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts)
  for cgroup in "${places[@]}"; do
    mkdir -p "$cgroup"
    # A cpuset of version 1 takes no process before it has these, see cpuset(7).
    [ ! -e "$cgroup/cpuset.cpus" ] || cat "${cgroup%/*}/cpuset.cpus" >"$cgroup/cpuset.cpus"
    [ ! -e "$cgroup/cpuset.mems" ] || cat "${cgroup%/*}/cpuset.mems" >"$cgroup/cpuset.mems"
  done
  (
    for cgroup in "${places[@]}"; do
      echo "$BASHPID" >"$cgroup/cgroup.procs"
    done
    # Not outliving the shell that called: it may be in the background, where Ctrl-C does not reach.
    exec setpriv --pdeathsig KILL unshare --mount --pid --net --ipc --uts --cgroup --fork --kill-child --mount-proc "$BASH" -c "$(declare -f inside_apart); inside_apart \"\$@\"" apart "$folder" "$@"
  ) || status=$?
  find "${places[@]}" -depth -type d -exec rmdir {} + || printf 'note: cgroups of the %s tests are left\n' "$name" >&2
  rm -rf "$folder"
  return "$status"
}

# The first process of the namespaces: a shell, as it takes in orphans and waits for them.
inside_apart() {
  local folder="$1" type options mount child
  shift
  set -euo pipefail
  mount --make-rprivate /
  mount -t tmpfs -o mode=755 tmpfs /run
  mount -t tmpfs -o mode=1777 tmpfs /tmp
  mount --bind "$folder" /var/lib
  ip link set lo up
  # A mount of a hierarchy that was made in the namespace shows it from the namespace's root on.
  while read -r mount type options; do
    umount "$mount"
    mount -t "$type" -o "$options" "$type" "$mount"
  done < <(awk '$3 == "cgroup" || $3 == "cgroup2" { gsub(/(^|,)(rw|nosuid|nodev|noexec|relatime)/, "", $4); sub(/^,/, "", $4); print $2, $3, $4 ? $4 : "rw" }' /proc/self/mounts)
  "$@" &
  child=$!
  trap 'kill -TERM "$child"' TERM INT
  wait "$child"
}
