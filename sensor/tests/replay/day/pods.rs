//! Who runs on the node all day.

use super::node::Spec;

const fn pod(
    namespace: &'static str,
    name: &'static str,
    image: &'static str,
    main: &'static [&'static str],
) -> Spec {
    Spec { namespace, name, image, main, uid: 0, privileged: false, host_network: false }
}

const fn of_node(
    namespace: &'static str,
    name: &'static str,
    image: &'static str,
    main: &'static [&'static str],
) -> Spec {
    Spec { privileged: true, host_network: true, ..pod(namespace, name, image, main) }
}

const fn as_user(uid: u32, spec: Spec) -> Spec {
    Spec { uid, ..spec }
}

/// Pods by the names that the day's tasks call them.
pub(super) const ALL: &[(&str, Spec)] = &[
    ("web", as_user(1000, pod("shop", "web", "registry.example/shop/web:1", &["/app/server"]))),
    (
        "java",
        as_user(
            1000,
            pod(
                "shop",
                "orders",
                "registry.example/shop/orders:4",
                &["/usr/lib/jvm/17/bin/java", "-jar", "/app.jar"],
            ),
        ),
    ),
    (
        "node",
        as_user(
            1000,
            pod("shop", "cart", "registry.example/shop/cart:9", &["/usr/local/bin/node", "server.js"]),
        ),
    ),
    (
        "python",
        as_user(
            1000,
            pod(
                "shop",
                "mail",
                "registry.example/shop/mail:2",
                &["/usr/local/bin/python3.11", "/app/worker.py"],
            ),
        ),
    ),
    ("php", pod("blog", "blog", "docker.io/library/wordpress:6", &["/usr/local/sbin/php-fpm", "-F"])),
    (
        "nginx",
        pod("shop", "front", "docker.io/library/nginx:1.27", &["/usr/sbin/nginx", "-g", "daemon off;"]),
    ),
    (
        "postgres",
        as_user(
            999,
            pod("data", "db", "docker.io/library/postgres:16", &["/usr/lib/postgresql/16/bin/postgres"]),
        ),
    ),
    ("mysql", as_user(999, pod("data", "mysql", "docker.io/library/mysql:8", &["/usr/sbin/mysqld"]))),
    (
        "redis",
        as_user(
            999,
            pod("data", "cache", "docker.io/library/redis:7", &["/usr/local/bin/redis-server", "*:6379"]),
        ),
    ),
    (
        "elastic",
        as_user(
            1000,
            pod(
                "data",
                "search",
                "docker.elastic.co/elasticsearch/elasticsearch:8",
                &["/usr/share/elasticsearch/jdk/bin/java"],
            ),
        ),
    ),
    (
        "kafka",
        as_user(
            1000,
            pod(
                "data",
                "kafka",
                "docker.io/apache/kafka:3.8",
                &["/opt/java/openjdk/bin/java", "kafka.Kafka"],
            ),
        ),
    ),
    (
        "consul",
        as_user(100, pod("mesh", "consul", "docker.io/hashicorp/consul:1.19", &["/bin/consul", "agent"])),
    ),
    (
        "envoy",
        as_user(1337, pod("mesh", "gateway", "docker.io/envoyproxy/envoy:v1.31", &["/usr/local/bin/envoy"])),
    ),
    (
        "haproxy",
        as_user(
            99,
            pod("mesh", "haproxy", "docker.io/library/haproxy:3.0", &["/usr/local/sbin/haproxy", "-W"]),
        ),
    ),
    (
        "prometheus",
        as_user(
            65534,
            pod("monitoring", "prometheus", "quay.io/prometheus/prometheus:v2.54", &["/bin/prometheus"]),
        ),
    ),
    (
        "grafana",
        as_user(
            472,
            pod("monitoring", "grafana", "docker.io/grafana/grafana:11", &["/usr/share/grafana/bin/grafana"]),
        ),
    ),
    (
        "metrics",
        as_user(
            1000,
            pod(
                "kube-system",
                "metrics-server",
                "registry.k8s.io/metrics-server/metrics-server:v0.7",
                &["/metrics-server"],
            ),
        ),
    ),
    ("operator", as_user(1001, pod("operators", "operator", "registry.example/operator:1", &["/manager"]))),
    (
        "certs",
        as_user(
            1001,
            pod(
                "cert-manager",
                "cert-manager",
                "quay.io/jetstack/cert-manager-controller:v1.15",
                &["/app/cmd/controller/controller"],
            ),
        ),
    ),
    (
        "argo",
        as_user(
            999,
            pod(
                "argocd",
                "argocd",
                "quay.io/argoproj/argocd:v2.12",
                &["/usr/local/bin/argocd-application-controller"],
            ),
        ),
    ),
    ("dns", pod("kube-system", "coredns", "registry.k8s.io/coredns/coredns:v1.11", &["/coredns"])),
    (
        "extdns",
        as_user(
            65532,
            pod(
                "kube-system",
                "external-dns",
                "registry.k8s.io/external-dns/external-dns:v0.15",
                &["/external-dns"],
            ),
        ),
    ),
    (
        "restic",
        pod("backup", "restic", "docker.io/restic/restic:0.17", &["/usr/bin/restic", "backup", "/data"]),
    ),
    (
        "velero",
        as_user(65532, pod("velero", "velero", "docker.io/velero/velero:v1.14", &["/velero", "server"])),
    ),
    (
        "chrome",
        as_user(
            1000,
            pod("tools", "render", "ghcr.io/puppeteer/puppeteer:23", &["/usr/local/bin/node", "/render.js"]),
        ),
    ),
    (
        "jenkins",
        as_user(
            1000,
            pod(
                "ci",
                "agent",
                "docker.io/jenkins/inbound-agent:3",
                &["/opt/java/openjdk/bin/java", "-jar", "agent.jar"],
            ),
        ),
    ),
    (
        "gitlab",
        as_user(
            998,
            pod(
                "ci",
                "gitlab",
                "registry.gitlab.com/gitlab-org/build/cng/gitlab-shell:v17",
                &["/usr/bin/python3.11", "/hooks.py"],
            ),
        ),
    ),
    (
        "airflow",
        as_user(
            50000,
            pod(
                "data",
                "airflow",
                "docker.io/apache/airflow:2.10",
                &["/usr/local/bin/python3.11", "-m", "airflow", "scheduler"],
            ),
        ),
    ),
    (
        "socat",
        pod(
            "tools",
            "relay",
            "docker.io/alpine/socat:1.8",
            &["/usr/bin/socat", "TCP-LISTEN:7000,fork", "EXEC:/srv/handler.sh"],
        ),
    ),
    ("rsync", pod("tools", "mirror", "registry.example/mirror:1", &["/usr/sbin/xinetd", "-dontfork"])),
    ("mpi", as_user(1000, pod("hpc", "rank", "registry.example/hpc/solver:2", &["/app/solver"]))),
    (
        "ffmpeg",
        as_user(1000, pod("media", "encode", "docker.io/linuxserver/ffmpeg:7", &["/usr/local/bin/worker"])),
    ),
    (
        "s3fs",
        Spec {
            privileged: true,
            ..pod("data", "files", "registry.example/s3fs:1", &["/usr/bin/s3fs", "-f", "bucket", "/mnt"])
        },
    ),
    ("devpod", pod("dev", "workspace", "registry.example/dev/workspace:1", &["/usr/bin/sleep", "infinity"])),
    ("cilium", of_node("kube-system", "cilium", "quay.io/cilium/cilium:v1.16", &["/usr/bin/cilium-agent"])),
    ("falco", of_node("falco", "falco", "docker.io/falcosecurity/falco:0.41", &["/usr/bin/falco"])),
    (
        "proxy",
        of_node(
            "kube-system",
            "kube-proxy",
            "registry.k8s.io/kube-proxy:v1.31",
            &["/usr/local/bin/kube-proxy"],
        ),
    ),
    (
        "exporter",
        as_user(
            65534,
            of_node(
                "monitoring",
                "node-exporter",
                "quay.io/prometheus/node-exporter:v1.8",
                &["/bin/node_exporter"],
            ),
        ),
    ),
    ("cadvisor", of_node("monitoring", "cadvisor", "gcr.io/cadvisor/cadvisor:v0.49", &["/usr/bin/cadvisor"])),
    (
        "fluentbit",
        pod("logging", "fluent-bit", "cr.fluentbit.io/fluent/fluent-bit:3", &["/fluent-bit/bin/fluent-bit"]),
    ),
    (
        "problems",
        of_node(
            "kube-system",
            "problem-detector",
            "registry.k8s.io/node-problem-detector/node-problem-detector:v0.8",
            &["/node-problem-detector"],
        ),
    ),
    (
        "datadog",
        of_node(
            "monitoring",
            "datadog",
            "gcr.io/datadoghq/agent:7",
            &["/opt/datadog-agent/bin/agent/agent", "run"],
        ),
    ),
    ("csi", of_node("ceph-csi", "csi-rbd", "quay.io/cephcsi/cephcsi:v3", &["/usr/local/bin/cephcsi"])),
    (
        "buildkit",
        Spec {
            privileged: true,
            ..pod("ci", "buildkitd", "docker.io/moby/buildkit:latest", &["/usr/bin/buildkitd"])
        },
    ),
];
