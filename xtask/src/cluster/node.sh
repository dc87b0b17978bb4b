# The node: a network and a mount namespace of its own, kept by this process. Started by node.rs as
# `sh -euc THIS sh STATE BINARIES ADDRESS`, in the new namespaces.
state=$1 binaries=$2 address=$3

# Mounts made here stay here; pods may share them with the node, as kubelet wants it.
mount --make-rshared /
mkdir -p "$state/bin" "$state/lib" "$state/log" "$state/run/picket-cluster" "$state/sys"
mount --bind "$binaries" "$state/bin"
# The node's own /run, /var/lib and /var/log: components and pods find all at the usual places, and the
# machine's are left alone. The state folder itself stays where it was.
mount --rbind "$state" "$state/run/picket-cluster"
mount --rbind "$state/run" /run
mount --bind "$state/lib" /var/lib
mount --bind "$state/log" /var/log
# What agents pin goes with the node.
[ ! -d /sys/fs/bpf ] || mount -t bpf bpf /sys/fs/bpf

# What kubelet would otherwise set for the whole machine, such as a panic on an oops.
set_for_kubelet() {
    [ -e "/proc/sys/$1" ] || return 0
    echo "$2" > "$state/sys/$(basename "$1")"
    mount --bind "$state/sys/$(basename "$1")" "/proc/sys/$1"
}
set_for_kubelet vm/overcommit_memory 1
set_for_kubelet vm/panic_on_oom 0
set_for_kubelet kernel/panic 10
set_for_kubelet kernel/panic_on_oops 1
set_for_kubelet kernel/keys/root_maxkeys 1000000
set_for_kubelet kernel/keys/root_maxbytes 25000000

# A bridge without ports: kubelet refuses an address of the loopback device.
ip link set lo up
ip link add node0 type bridge
ip address add "$address/24" dev node0
ip link set node0 up
ip route add default dev node0
echo 1 > /proc/sys/net/ipv4/ip_forward
# Services are reached from pods on the same bridge by way of iptables.
[ -e /proc/sys/net/bridge ] || modprobe br_netfilter || true
[ ! -e /proc/sys/net/bridge ] || echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables

touch "$state/node.ready"
exec sleep infinity
