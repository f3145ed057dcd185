# Makes a root of its own over LOWER, and becomes PID 1 of it. In fresh mount and PID namespaces.
#
#   sh booted_setup.sh LOWER COMMAND...
#
# Everything is thrown away with the mount namespace: LOWER itself is never written to.
set -eu
lower=$1
shift

mount --make-rprivate /
mount -t tmpfs -o mode=755,size=2g tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
cd /mnt/root

# Nothing that the lower system would start, and nothing that a container has no use for.
rm -rf etc/systemd/system/*.wants etc/systemd/system/*.requires usr/sbin/policy-rc.d
for unit in $BOOTED_MASKED; do
    rm -rf "etc/systemd/system/$unit"
    ln -s /dev/null "etc/systemd/system/$unit"
done
rm -f etc/resolv.conf etc/fstab
: >etc/fstab
: >etc/resolv.conf

mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,size=1m tmpfs dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp

# The old root goes below the new one's /mnt, and from there out of sight.
pivot_root . mnt
umount -l /mnt
mount --make-rshared / # else a unit's LoadCredential= directory is empty, without a word
exec env -i container=lowatch-test PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null >/dev/null 2>&1
