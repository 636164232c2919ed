#!/bin/sh
# make_disk.sh ROOT DISK: a disk that a BIOS boots, from a folder with a whole Debian in it. Needs no right to mount:
# the boot partition is written by mtools and syslinux, the root partition by mke2fs out of the folder.
set -eu
root=$1 disk=$2
megabyte=1048576 boot_mb=64
work=$(mktemp -d)

truncate -s "${boot_mb}M" "$work/boot"
# 2048 sectors stand before the partition; its boot sector has to know.
mkfs.vfat -h 2048 -n BOOT "$work/boot" > /dev/null
syslinux --install "$work/boot"
cat > "$work/syslinux.cfg" <<'END'
DEFAULT desktop
PROMPT 0
LABEL desktop
  KERNEL vmlinuz
  INITRD initrd.img
  APPEND root=/dev/vda2 rootfstype=ext4 rw init=/sbin/desktop-init console=ttyS0 quiet mitigations=off random.trust_cpu=on
END
mcopy -i "$work/boot" "$work/syslinux.cfg" ::/syslinux.cfg
mcopy -i "$work/boot" "$root"/boot/vmlinuz-* ::/vmlinuz
mcopy -i "$work/boot" "$root"/boot/initrd.img-* ::/initrd.img
rm -rf "$root"/boot/*

root_mb=$(($(du -sm "$root" | cut -f1) * 5 / 4 + 512))
mke2fs -q -t ext4 -L root -d "$root" "$work/root" "${root_mb}M"

truncate -s "$((1 + boot_mb + root_mb + 1))M" "$work/disk"
printf 'label: dos\nstart=2048, size=%d, type=c, bootable\nstart=%d, size=%d, type=83\n' \
    $((boot_mb * 2048)) $(((1 + boot_mb) * 2048)) $((root_mb * 2048)) | sfdisk -q "$work/disk"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$work/disk" bs=440 count=1 conv=notrunc status=none
dd if="$work/boot" of="$work/disk" bs="$megabyte" seek=1 conv=notrunc status=none
dd if="$work/root" of="$work/disk" bs="$megabyte" seek=$((1 + boot_mb)) conv=notrunc,sparse status=none
qemu-img convert -c -O qcow2 -o compression_type=zstd "$work/disk" "$disk"
rm -rf "$work"
