#!/bin/busybox sh
# The guest's first process: the host's root, read-only, under an overlay in memory; then start.sh in it.
set -e
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
trap '$b poweroff -f' EXIT # a failure ends the guest, and the console has the reason

for module in /modules/*; do $b insmod "$module"; done
$b mount -t virtiofs -o ro root /host
$b mount -t tmpfs -o size=80% upper /upper
$b mkdir /upper/upper /upper/work
$b mount -t overlay -o lowerdir=/host,upperdir=/upper/upper,workdir=/upper/work overlay /root
for place in proc sys dev; do $b umount "/$place"; done

cd /root
$b mount -t proc proc proc
$b mount -t sysfs sysfs sys
$b mount -t devtmpfs dev dev
$b mount -t tmpfs -o mode=755 run run
$b mount -t tmpfs -o mode=1777 tmp tmp
$b mkdir run/guest
$b cp /bin/busybox /guest/* run/guest
. /guest/settings
$b mkdir -p lib/modules
$b mount -t tmpfs -o mode=755 modules lib/modules
$b mkdir "lib/modules/$RELEASE"
$b mount --bind "/host$MODULES" "lib/modules/$RELEASE"
# The checkout as it was when the guest was started. It may be below /tmp.
$b mkdir -p "./$CHECKOUT" /upper/checkout /upper/checkout-work
$b mount -t overlay -o "lowerdir=/host$SNAPSHOT:/host$CHECKOUT,upperdir=/upper/checkout,workdir=/upper/checkout-work" \
    checkout "./$CHECKOUT"
exec $b switch_root /root /bin/sh "$START"
