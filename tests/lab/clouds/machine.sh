#!/bin/bash
# The first process of a host in a cloud: its disk over the machine's own, its network, its user, its SSH server.
# Already in namespaces of its own. Says "ready", waits for its network card, then becomes the SSH server.
#
#   DISK       a folder for what the host writes
#   IP, NAME   its address, with the length of its network's prefix, and its host name
#   LOGIN      its user; KEYS: who may log in; NODE_HOME, NODE_UID: the user's home as the machine image has it
#   OPEN       folders that others may pass through on this host
#   VARIABLES  of every session
#   START      a script that is run before the SSH server; may be empty

set -eu
echo ready
read -r _
exec >&2
start=${START:+$(cat "$START")} # it may lie in a folder that the host has another of

mount --make-rprivate /
# what is written cannot lie on the file system that it is written over
[ "$(stat -f -c %T "$DISK")" = tmpfs ] || mount -t tmpfs tmpfs "$DISK"
root=$DISK/root
home=$root/home/$LOGIN
mkdir -p "$DISK"/{root,upper,work,home-upper,home-work}
mount -t overlay overlay -o "lowerdir=/,upperdir=$DISK/upper,workdir=$DISK/work" "$root"
mkdir -p "$home"
mount -t overlay overlay -o "lowerdir=$NODE_HOME,upperdir=$DISK/home-upper,workdir=$DISK/home-work" "$home"
for folder in $OPEN; do chmod o+x "$root$folder"; done
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir -p "$root/run/sshd"

hostname "$NAME"
ip link set lo up
ip addr add "$IP" dev eth0
ip link set eth0 up
printf '127.0.0.1 localhost\n%s %s\n' "${IP%/*}" "$NAME" >"$root/etc/hosts"
echo "$NAME" >"$root/etc/hostname"
: >"$root/etc/resolv.conf"

sed -i "/^$LOGIN:/d" "$root"/etc/{passwd,group,shadow}
echo "$LOGIN:x:$NODE_UID:$NODE_UID::/home/$LOGIN:/bin/bash" >>"$root/etc/passwd"
echo "$LOGIN:x:$NODE_UID:" >>"$root/etc/group"
echo "$LOGIN:*:19000:0:99999:7:::" >>"$root/etc/shadow"
mkdir -p "$root/etc/sudoers.d"
echo "$LOGIN ALL=(ALL) NOPASSWD:ALL" >"$root/etc/sudoers.d/host"
chmod 440 "$root/etc/sudoers.d/host"
mkdir -p "$home/.ssh"
[ -f "$home/.ssh/authorized_keys" ] || printf '%s\n' "$KEYS" >"$home/.ssh/authorized_keys"  # once, as cloud-init does
chmod 700 "$home/.ssh"
chown -R "$NODE_UID:$NODE_UID" "$home/.ssh"
chown "$NODE_UID:$NODE_UID" "$home"

[ -f "$root/etc/ssh/host_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$root/etc/ssh/host_key"
cat >"$root/etc/ssh/sshd_config" <<END
ListenAddress ${IP%/*}:22
HostKey /etc/ssh/host_key
UsePAM no
PasswordAuthentication no
StrictModes no
PidFile none
MaxStartups 100
MaxSessions 200
Subsystem sftp internal-sftp
SetEnv $VARIABLES
END

cd "$root"
mkdir -p .before
pivot_root . .before
umount -l /.before
[ -z "$start" ] || bash -c "$start"
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/sshd -D -e
