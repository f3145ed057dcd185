# The rest of the guest's boot, in its root; then the command. A port takes what it prints; another one its
# notes (descriptor 3), with how it ended.
b=/run/guest/busybox
. /run/guest/settings
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LANG=C.UTF-8

$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts -o mode=620,gid=5,ptmxmode=666 devpts /dev/pts
$b mount -t tmpfs -o mode=1777 shm /dev/shm
$b mount -t cgroup2 cgroup2 /sys/fs/cgroup
$b ln -s /proc/self/fd /dev/fd
$b ln -s /proc/self/fd/0 /dev/stdin
$b ln -s /proc/self/fd/1 /dev/stdout
$b ln -s /proc/self/fd/2 /dev/stderr
$b mkdir -p /run/lock /run/sshd
$b hostname "$HOST"
$b ip link set lo up

# A port's device has its name in /sys only: udev would make a link.
for port in /sys/class/virtio-ports/*; do
    $b ln -s "/dev/${port##*/}" "/run/guest/$($b cat "$port/name").port"
done
exec 3>/run/guest/notes.port
exec >/run/guest/output.port 2>&1
echo "guest: up"
cd "$CHECKOUT"
setsid --wait bash /run/guest/command </dev/null
echo "status $?" >&3
$b poweroff -f
