# shellcheck shell=bash
# Sourced after image.sh: boots the guest with three disks: its root, of which nothing written is kept; the repository's
# files, read only; and an empty one into which it writes an archive of its results.

readonly guest_verdict="$guest/acceleration" guest_console="$guest/console.log"

# qemu SECONDS ACCELERATOR ARGUMENTS...: for so long at most.
# One processor: emulated ones run as threads, and a busy machine's guest with two of them stood still, each waiting for the other.
qemu() {
  local seconds="$1" accelerator="$2"
  shift 2
  timeout --foreground --kill-after=10 "$seconds" qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot -machine pc,usb=off,hpet=off -accel "$accelerator" \
    -cpu Nehalem,+rdrand -smp 1 -m 3G -kernel "$guest_kernel" -initrd "$guest_initrd" -serial stdio "$@" </dev/null
}

# Whether KVM is there says little: on some machines it takes every call and never runs this kernel. So the kernel is booted
# once without an init, where it must panic and end. Remembered for this kernel of the host. Sets $accelerator.
choose_accelerator() {
  local host
  host="$(uname -r)"
  if [ "$(cut -d' ' -f1 "$guest_verdict" 2>/dev/null)" != "$host" ]; then
    local verdict=tcg
    if [ -w /dev/kvm ] && qemu 10 kvm -append 'console=ttyS0 panic=-1 rdinit=/none root=none' >"$guest/kvm.log" 2>&1; then
      verdict=kvm
    fi
    printf '%s %s\n' "$host" "$verdict" >"$guest_verdict"
  fi
  accelerator="$(cut -d' ' -f2 "$guest_verdict")"
}

# What deploy/install puts on a node, made anew when something of it was built since.
install_for_guest() {
  local stamp="$guest/installed"
  [ -e "$stamp" ] && [ -z "$(find "$repo/artifacts/bin/Berth.Host/release/berth.dll" "$repo/artifacts/plugins" "$repo/deploy" -newer "$stamp" -print -quit)" ] && return
  rm -rf "$guest/install" "$stamp"
  mkdir -p "$guest/install"
  quietly env DESTDIR="$guest/install" "$repo/deploy/install"
  touch "$stamp"
}

# The working tree and what was built of it, for a command; of the plugins those named, or all.
make_repository_disk() {
  local tree="$guest/repository" command="$1" plugin
  shift
  rm -rf "$tree"
  mkdir -p "$tree/artifacts"
  git -C "$repo" ls-files -z --cached --others --exclude-standard | tar -C "$repo" --null --ignore-failed-read -T - -c | tar -C "$tree" -x --no-same-owner
  mkdir -p "$tree/artifacts/plugins" "$tree/artifacts/tools"
  cp -r --no-preserve=ownership "$tools/docker-registry" "$tree/artifacts/tools/"
  for plugin in "${@:-.}"; do
    cp -r --no-preserve=ownership "$repo/artifacts/plugins/$plugin" "$tree/artifacts/plugins/"
  done
  local project projects=(Host Tests.Integration) compiled=("$tree/artifacts/plugins")
  # Few plugins are for the core of the tests, where what is started by deploy/install takes too long.
  if [ $# -eq 0 ]; then
    projects+=(Tests.Unit Tests.Contract)
    install_for_guest
    cp -r "$guest/install" "$tree/"
    cp -r --no-preserve=ownership "$repo/artifacts/test-plugins" "$tree/artifacts/"
    compiled+=("$tree/artifacts/test-plugins")
  fi
  for project in "${projects[@]}"; do
    mkdir -p "$tree/artifacts/bin/Berth.$project"
    cp -r --no-preserve=ownership "$repo/artifacts/bin/Berth.$project/release" "$tree/artifacts/bin/Berth.$project/"
    compiled+=("$tree/artifacts/bin/Berth.$project")
  done
  make_native "${compiled[@]}"
  printf '%s\n' "$command" >"$tree/command"
  printf '%s\n' "$limit" >"$tree/limit"
  rm -f "$guest/repository.ext4"
  quietly mkfs.ext4 -q -O ^has_journal -d "$tree" "$guest/repository.ext4" 1G
  rm -rf "$tree"
}

# Runs a shell command in a fresh guest, with the plugins named or all; what it prints comes out, what it leaves in /results
# comes to $1.
run_in_guest() {
  local results="$1"
  make_repository_disk "${@:2}"
  choose_accelerator
  rm -rf "$results" "$guest/results.tar"
  mkdir -p "$results"
  truncate -s 256M "$guest/results.tar"
  # The processor is as new as .NET's own native code asks for: a newer one has it compile what uses longer vectors at run time, and
  # those are the slowest instructions that one can have emulated.
  # no_timer_check: on a busy machine an emulated timer is late, and the kernel takes it for broken and panics. tsc=reliable: it
  # would take the processor's counter for broken too, and then every look at the clock is a trap. mitigations=off: retpolines
  # are the slowest that one can have emulated. The time limits of units are for a machine that has its processor to itself.
  step "booting the guest ($accelerator); its console is kept in ${guest_console#"$repo/"}"
  qemu $((limit + 300)) "$accelerator" \
    -drive "file=$guest_root,format=raw,if=virtio,snapshot=on" \
    -drive "file=$guest/repository.ext4,format=raw,if=virtio,readonly=on" \
    -drive "file=$guest/results.tar,format=raw,if=virtio" \
    -append "console=ttyS0 quiet panic=-1 no_timer_check tsc=reliable mitigations=off audit=0 apparmor=1 security=apparmor systemd.unified_cgroup_hierarchy=1 systemd.show_status=false systemd.default_timeout_start_sec=900 systemd.unit=node-test.service" \
    | sed -u 's/\r$//' | tee "$guest_console" || fail "the guest did not end by itself; what it printed is in $guest_console"
  tar -xf "$guest/results.tar" -C "$results" 2>/dev/null && [ -s "$results/status" ] || fail "the guest ended without a result"
  return "$(cat "$results/status")"
}
