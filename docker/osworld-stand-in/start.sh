#!/bin/sh
# First program of the container: boots the disk that is mounted at /System.qcow2, which it never writes to. The variables
# are those of OSWorld's official image: RAM_SIZE, CPU_CORES, DISK_SIZE, and KVM=N for a machine without KVM.
set -eu
if [ ! -f /System.qcow2 ]; then
    echo "there is no disk at /System.qcow2; mount one there, such as this image's own /disk/Debian.qcow2" >&2
    exit 1
fi
# What the machine writes goes here, and away with the container.
qemu-img create -q -f qcow2 -F qcow2 -b /System.qcow2 /run/written.qcow2 "${DISK_SIZE:-32G}"
processor="-accel kvm -cpu host"
if [ "${KVM:-Y}" = N ] || [ ! -e /dev/kvm ]; then
    processor="-accel tcg,thread=multi -cpu max"
fi
forwarded=""
for port in 5000 8080 9222; do
    forwarded="$forwarded,hostfwd=tcp::$port-:$port"
done
# 8006 shows the machine's console; the official image has a page of noVNC there, this one its socket alone.
# shellcheck disable=SC2086 -- words, not one word
exec qemu-system-x86_64 $processor -m "${RAM_SIZE:-4G}" -smp "${CPU_CORES:-4}" \
    -drive "file=/run/written.qcow2,if=virtio,cache=unsafe" \
    -netdev "user,id=net$forwarded" -device virtio-net-pci,netdev=net,romfile= \
    -display none -vnc :0,websocket=8006 -serial stdio -no-reboot
