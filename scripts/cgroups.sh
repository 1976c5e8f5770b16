# shellcheck shell=bash
# Sourced after common.sh. On the hybrid layout (version 1 hierarchies, and version 2 at `unified`) crun refuses to start
# while version 2 holds a controller. Mounting these controllers the old way takes them out of version 2.

readonly cgroups=/sys/fs/cgroup
cgroups_mounted=()

# The controllers of version 2, and those that belong to neither: a hierarchy of version 1 that was unmounted stays with its
# controller until the kernel has let its last cgroup go, and Docker's containerd wants all of them mounted.
loose_controllers() {
  local controller
  tr ' ' '\n' <"$cgroups/unified/cgroup.controllers"
  awk 'NR > 1 && $2 != 0 { print $1 }' /proc/cgroups | while read -r controller; do
    grep -qE "^[^ ]+ [^ ]+ cgroup ([^ ]*,)?$controller[, ]" /proc/mounts || printf '%s\n' "$controller"
  done
}

fix_cgroups() {
  local controller
  [ "$(stat -f -c %T "$cgroups/unified" 2>/dev/null)" = cgroup2fs ] || return 0
  for controller in $(loose_controllers); do
    step "mounting the $controller cgroups the old way, until this ends"
    mkdir -p "$cgroups/$controller"
    if mount -t cgroup -o "$controller" cgroup "$cgroups/$controller"; then
      cgroups_mounted+=("$controller")
    else
      rmdir "$cgroups/$controller"
      fail "the $controller controller cannot be mounted: cgroups within $cgroups/unified use it"
    fi
  done
}

unfix_cgroups() {
  local controller
  for controller in "${cgroups_mounted[@]}"; do
    # A runtime that met the folder without the mount may have left something in it; that is no reason to fail at the end.
    umount "$cgroups/$controller" || continue
    rmdir --ignore-fail-on-non-empty "$cgroups/$controller"
  done
  cgroups_mounted=()
}
