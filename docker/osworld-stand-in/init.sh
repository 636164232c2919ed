#!/bin/sh
# Process 1 of the virtual machine: mounts what the kernel has not, gives the machine its address, and starts the desktop
# server as the desktop's user. The machine is switched off when the server ends, so that nobody waits for an empty screen.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -m 1777 /tmp/.X11-unix
install -d -o user -g user -m 700 /run/user/1000
hostname user-virtual-machine
modprobe virtio_net
# The address that QEMU forwards its ports to.
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
cd /home/user || exit 1
setpriv --reuid=user --regid=user --init-groups env -i \
    HOME=/home/user USER=user LOGNAME=user SHELL=/bin/bash LANG=C.UTF-8 XDG_RUNTIME_DIR=/run/user/1000 \
    PATH=/opt/arpo/arpo_desktop/bin:/usr/local/bin:/usr/bin:/bin PYTHONPATH=/opt/arpo/packages:/opt/arpo \
    python3 -m arpo_desktop serve --host 0.0.0.0 --port 5000 < /dev/null > /dev/ttyS0 2>&1 &
wait $!
echo "the desktop server has ended with $?" > /dev/ttyS0
sync
echo o > /proc/sysrq-trigger
while :; do sleep 60; done
