# shellcheck shell=bash
# Sourced after scripts/packages.sh: the guest's root file system. It is made once of the packages of this machine's own
# Debian release and of the .NET runtime, and made again when this file, those or the kernel change.

readonly guest_packages=(
  linux-image-cloud-amd64 initramfs-tools
  systemd systemd-sysv dbus udev ca-certificates
  iproute2 iptables kmod procps
  runc crun conmon catatonit containernetworking-plugins golang-github-containers-common busybox-static
)
readonly guest_makers=(
  mmdebstrap=mmdebstrap mkfs.ext4=e2fsprogs qemu-system-x86_64=qemu-system-x86
  /usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring
)
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
    apt-cache policy "${guest_packages[@]}" | grep -e '^[a-z]' -e Candidate
  } | sha256sum | cut -d' ' -f1
}

build_guest_root() {
  install_also "${guest_makers[@]}"
  [ -e "$guest_root" ] && [ "$(cat "$guest/digest" 2>/dev/null)" = "$(guest_digest)" ] && return
  refresh_lists "${guest_packages[@]}"
  step "making the guest's root file system (about 200 MB to download, once)"
  rm -rf "$guest"
  mkdir -p "$guest/tree"
  # The proxies and limits that this machine's apt has.
  apt-config dump --no-empty --format '%F "%v";%n' Acquire >"$guest/apt.conf"
  guest_sources >"$guest/sources.list"
  # The modules that QEMU's disks need, and no more: a small initrd is unpacked quickly where the processor is emulated.
  quietly mmdebstrap --mode=root --variant=minbase --format=directory --aptopt="$guest/apt.conf" \
    --include="$(IFS=,; printf '%s' "${guest_packages[*]}")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook="mkdir -p \"\$1/etc/initramfs-tools/conf.d\"" \
    --essential-hook="printf 'MODULES=list\\nCOMPRESS=gzip\\n' >\"\$1/etc/initramfs-tools/conf.d/guest\"" \
    --essential-hook="printf 'virtio_pci\\nvirtio_blk\\next4\\n' >\"\$1/etc/initramfs-tools/modules\"" \
    "" "$guest/tree" "$guest/sources.list"
  furnish_guest_root "$guest/tree"
  mv "$guest/tree/boot"/vmlinuz-* "$guest_kernel"
  mv "$guest/tree/boot"/initrd.img-* "$guest_initrd"
  quietly mkfs.ext4 -q -L root -O ^has_journal -d "$guest/tree" "$guest_root" 6G
  rm -rf "$guest/tree"
  guest_digest >"$guest/digest"
}

# What packages do not bring: the .NET runtime at its usual place, a name, and the unit that runs a command and ends.
furnish_guest_root() {
  local root="$1" sdk
  sdk="$(dirname "$(readlink -f "$dotnet")")"
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
  install -m 644 "$repo/tests/node/root/fstab" "$root/etc/fstab"
  install -m 644 "$repo/tests/node/root/node-test.service" "$root/etc/systemd/system/node-test.service"
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -s ../node-test.service "$root/etc/systemd/system/multi-user.target.wants/node-test.service"
}
