# shellcheck shell=bash
# Sourced after common.sh. On the hybrid layout (version 1 hierarchies, and version 2 at `unified`) crun refuses to start
# while version 2 holds a controller. Mounting these controllers the old way takes them out of version 2.

readonly cgroups=/sys/fs/cgroup
cgroups_mounted=()

fix_cgroups() {
  local controller
  [ "$(stat -f -c %T "$cgroups/unified" 2>/dev/null)" = cgroup2fs ] || return 0
  # shellcheck disable=SC2013 # one line of plain words
  for controller in $(cat "$cgroups/unified/cgroup.controllers"); do
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
    umount "$cgroups/$controller" && rmdir "$cgroups/$controller"
  done
  cgroups_mounted=()
}
