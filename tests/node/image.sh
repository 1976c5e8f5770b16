# shellcheck shell=bash
# Sourced after scripts/packages.sh: the guest's root file system. It is made once of the packages of this machine's own
# Debian release and of the .NET runtime, and made again when this file, those or the kernel change.

readonly guest_packages=(
  systemd systemd-sysv dbus udev ca-certificates
  iproute2 iptables kmod procps
  runc crun conmon catatonit containernetworking-plugins golang-github-containers-common busybox-static
  # What most machines that build this have no use of: their kernels are too new for the one, or lack the other.
  criu apparmor
)
readonly guest_makers=(
  mmdebstrap=mmdebstrap mkfs.ext4=e2fsprogs depmod=kmod cpio=cpio lz4=lz4 qemu-system-x86_64=qemu-system-x86
  /usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring
)
# What the disks of the guest need, until its root is there.
readonly guest_boot_modules=(virtio_pci virtio_blk ext4)
readonly guest="$repo/artifacts/node"
readonly guest_root="$guest/root.ext4" guest_kernel="$guest/vmlinuz" guest_initrd="$guest/initrd.img"

# Only Debian's own sources: a guest needs nothing of what else a machine may be subscribed to.
guest_sources() {
  # shellcheck disable=SC2016 # the words with a dollar are apt's
  apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
    --format 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' | sort -u
}

guest_digest() {
  {
    cat "$repo/tests/node/image.sh" "$repo"/tests/node/root/*
    "$dotnet" --list-runtimes
    cloud_kernel
    apt-cache policy "${guest_packages[@]}" | grep -e '^[a-z]' -e Candidate
  } | sha256sum | cut -d' ' -f1
}

build_guest_root() {
  install_also "${guest_makers[@]}"
  [ -e "$guest_root" ] && [ "$(cat "$guest/digest" 2>/dev/null)" = "$(guest_digest)" ] && return
  refresh_lists "${guest_packages[@]}"
  step "making the guest's root file system (about 150 MB to download, once)"
  local kernel
  kernel="$(cloud_kernel)"
  unpack_tool "$kernel"
  rm -rf "$guest/tree" "$guest/initrd" "$guest_root" "$guest/digest"
  mkdir -p "$guest/tree"
  # The proxies and limits that this machine's apt has.
  apt-config dump --no-empty --format '%F "%v";%n' Acquire >"$guest/apt.conf"
  guest_sources >"$guest/sources.list"
  # Its mounts are nobody else's: tests that run meanwhile look for mounts that were left behind.
  quietly unshare --mount mmdebstrap --mode=root --variant=minbase --format=directory --aptopt="$guest/apt.conf" \
    --include="$(IFS=,; printf '%s' "${guest_packages[*]}")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "" "$guest/tree" "$guest/sources.list"
  furnish_guest_root "$guest/tree"
  add_guest_kernel "$guest/tree" "$tools/$kernel"
  quietly mkfs.ext4 -q -L root -O ^has_journal -d "$guest/tree" "$guest_root" 6G
  rm -rf "$guest/tree"
  guest_digest >"$guest/digest"
}

# What packages do not bring: the .NET runtime at its usual place, a name, and the unit that runs a command and ends.
furnish_guest_root() {
  local root="$1" sdk unit
  sdk="$(dotnet_folder)"
  mkdir -p "$root/usr/share/dotnet/shared" "$root/repo"
  cp -r "$sdk/dotnet" "$sdk/host" "$root/usr/share/dotnet/"
  local framework
  for framework in Microsoft.NETCore.App Microsoft.AspNetCore.App; do
    mkdir -p "$root/usr/share/dotnet/shared/$framework"
    cp -r "$sdk/shared/$framework"/10.* "$root/usr/share/dotnet/shared/$framework/"
  done
  ln -s ../share/dotnet/dotnet "$root/usr/bin/dotnet"
  printf 'node\n' >"$root/etc/hostname"
  printf '127.0.0.1 localhost node\n' >"$root/etc/hosts"
  : >"$root/etc/fstab"
  install -m 644 "$repo/tests/node/root/node-test.service" "$root/etc/systemd/system/node-test.service"
  install -D -m 644 "$repo/tests/node/root/journald.conf" "$root/etc/systemd/journald.conf.d/guest.conf"
  while read -r unit; do
    ln -s /dev/null "$root/etc/systemd/system/$unit"
  done < <(grep -v '^#' "$repo/tests/node/root/masked")
}

# The kernel's package is not installed: its scripts would build an initrd for every kind of disk, which takes long to make and
# longer to boot. Ours holds a busybox and what mounts the disks.
add_guest_kernel() {
  local root="$1" package="$2" version modules initrd="$guest/initrd" line
  cp "$package"/boot/vmlinuz-* "$guest_kernel"
  modules="$package/lib/modules"
  [ -d "$modules" ] || modules="$package/usr/lib/modules"
  version="$(basename "$modules"/*)"
  cp -r "$modules" "$root/usr/lib/"
  depmod -b "$root" "$version"

  mkdir -p "$initrd"/{bin,proc,dev,root,modules}
  cp "$root/bin/busybox" "$initrd/bin/"
  install -m 755 "$repo/tests/node/root/init" "$initrd/init"
  for line in "${guest_boot_modules[@]}"; do
    modprobe -d "$root" -S "$version" --ignore-install --show-depends "$line"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$guest/boot-modules"
  while read -r line; do
    cp "$line" "$initrd/modules/"
    basename "$line" >>"$initrd/modules/list"
  done <"$guest/boot-modules"
  (cd "$initrd" && find . | LC_ALL=C sort | cpio --quiet -o -H newc) | lz4 -l -9 -q >"$guest_initrd"
  rm -rf "$initrd"
}
