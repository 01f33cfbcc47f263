#!/bin/bash
# Starts a Slurm of two nodes on one host, which is a machine of machine.sh: run by it as root, before the SSH server.
#
#   NODES  names of the nodes; each claims more than this machine has
#   IP     the host's address; NODE_UID: whose jobs run
#   UV     the uv of the machine image; UV_CACHE: wheels for it; PYTHON: what SkyPilot's runtime can run on

set -eu
address=${IP%/*}
host=$(hostname)
read -r -a nodes <<<"$NODES"
echo "$address $NODES" >>/etc/hosts

# ---------------------------------------------------------------- what SkyPilot would fetch for a node

mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/{upper,work} "/tmp/uv_cache_$NODE_UID"
chown "$NODE_UID" /mnt/upper
mount -t overlay overlay -o "lowerdir=$UV_CACHE,upperdir=/mnt/upper,workdir=/mnt/work" "/tmp/uv_cache_$NODE_UID"
# its runtime is hard-wired to Python 3.10, of which this system has no package
cat >/usr/local/bin/uv <<END
#!/bin/bash
for word; do shift; [ "\$word" = 3.10 ] && word=$PYTHON; set -- "\$@" "\$word"; done
exec $UV "\$@"
END
# it fetches uv in every cluster's home anew
cat >/usr/local/bin/curl <<'END'
#!/bin/bash
for word; do
    case $word in */uv/install.sh) echo 'mkdir -p "$UV_INSTALL_DIR" && ln -sf /usr/local/bin/uv "$UV_INSTALL_DIR/uv"'; exit ;; esac
done
exec /usr/bin/curl "$@"
END
chmod 755 /usr/local/bin/{uv,curl}

# ---------------------------------------------------------------- Slurm

install -d -o munge -g munge -m 755 /run/munge
install -d -o munge -g munge -m 700 /etc/munge /var/lib/munge /var/log/munge
head -c 1024 /dev/urandom >/etc/munge/munge.key
chown munge:munge /etc/munge/munge.key
chmod 400 /etc/munge/munge.key
rm -f /run/munge/*
setpriv --reuid munge --regid munge --clear-groups munged --num-threads=2

mkdir -p /etc/slurm /var/spool/slurmctld /run/gpus
touch /run/gpus/{0..7}
cat >/etc/slurm/slurm.conf <<END
ClusterName=lab
SlurmctldHost=$host($address)
SlurmUser=root
AuthType=auth/munge
CryptoType=crypto/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd-%n
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd-%n.pid
SlurmctldLogFile=/var/log/slurmctld.log
SlurmdLogFile=/var/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=5
MinJobAge=30
GresTypes=gpu
END
port=16820
for node in "${nodes[@]}"; do
    echo "NodeName=$node NodeAddr=$address NodeHostname=$host Port=$port CPUs=16 RealMemory=64000 Gres=gpu:H100:8"
    port=$((port + 1))
done >>/etc/slurm/slurm.conf
echo "PartitionName=dev Nodes=ALL Default=YES MaxTime=1-00:00:00 State=UP" >>/etc/slurm/slurm.conf
echo "CgroupPlugin=cgroup/v1" >/etc/slurm/cgroup.conf
echo "Name=gpu Type=H100 File=/run/gpus/[0-7]" >/etc/slurm/gres.conf

slurmctld
for node in "${nodes[@]}"; do
    mkdir -p "/var/spool/slurmd-$node"
    slurmd -N "$node"
done
