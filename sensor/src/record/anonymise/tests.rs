//! What stays, and what does not.

use super::*;

fn anonymiser() -> Anonymiser {
    Anonymiser::with_key(b"a key")
}

#[test]
fn paths_keep_what_every_system_has() {
    let it = anonymiser();
    for stays in [
        "",
        "/",
        "/bin/sh",
        "/usr/lib/x86_64-linux-gnu/libwhatever.so.6",
        "/etc/shadow",
        "/etc/cron.d",
        "/proc/1/environ",
        "/var/spool/cron",
        "/var/run/docker.sock",
        "/dev/sda",
        "..",
        "./run",
        "/tmp",
    ] {
        assert_eq!(it.path(stays), stays);
    }
    for (path, begins, ends) in [
        ("/home/alice/.ssh/id_rsa", "/home/x", "/.ssh/id_rsa"),
        ("/tmp/customer.sh", "/tmp/x", ".sh"),
        ("/usr/local/bin/ours", "/usr/local/bin/x", ""),
        ("/opt/.hidden", "/opt/.x", ""),
        ("/srv/customer/data", "/srv/x", "/data"),
        ("memfd:stage-two", "memfd:x", ""),
    ] {
        let changed = it.path(path);
        assert!(
            changed.starts_with(begins) && changed.ends_with(ends) && changed != path,
            "{path}: {changed}"
        );
        assert_eq!(changed.matches('/').count(), path.matches('/').count());
    }
    assert_ne!(it.path("/home/alice"), it.path("/home/bob"));
    assert_eq!(it.path("/home/alice"), format!("/home/{}", it.name("alice")), "the same name everywhere");
    assert_ne!(it.path("/home/alice"), Anonymiser::with_key(b"another").path("/home/alice"));
}

#[test]
fn walked_paths_are_as_those_of_text() {
    let it = anonymiser();
    let walked = it.components(b"id_rsa\0.ssh\0alice\0home\0", false);
    let mut text = String::new();
    crate::event::path::Components(&walked).render(crate::event::path::End::Root, &mut text);
    assert_eq!(text, it.path("/home/alice/.ssh/id_rsa"));
    let of_system = it.components(b"thing\0lib\0usr\0", false);
    assert_eq!(of_system, b"thing\0lib\0usr\0");
    assert_ne!(it.components(b"thing\0lib\0usr\0", true), of_system, "of a cut one the root is not known");
}

#[test]
fn arguments_keep_options() {
    let it = anonymiser();
    for stays in ["-l", "--all", "-", "--", "sh", "curl", "/etc/passwd", "--output=/dev/null"] {
        assert_eq!(it.argument(stays), stays);
    }
    for (argument, begins) in [
        ("--password=hunter2", "--password=x"),
        ("-phunter2", "-px"),
        ("hunter2", "x"),
        ("--x y", "--x"),
        ("https://example.org/a?token=1", "x"),
    ] {
        let changed = it.argument(argument);
        assert!(
            changed.starts_with(begins) && !changed.contains("hunter2") && !changed.contains("example"),
            "{changed}"
        );
    }
}

#[test]
fn ids_keep_their_form_and_are_the_same_everywhere() {
    let it = anonymiser();
    let id = "0123456789abcdef".repeat(4);
    let uid = "0f7a6a3c-5a63-4a3c-9d2c-0a1b2c3d4e5f";
    let changed = it.ids(&id);
    assert!(changed.len() == 64 && changed != id && changed.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let path =
        format!("/kubepods.slice/kubepods-pod{}.slice/cri-containerd-{id}.scope", uid.replace('-', "_"));
    let expected = format!(
        "/kubepods.slice/kubepods-pod{}.slice/cri-containerd-{changed}.scope",
        it.ids(uid).replace('-', "_")
    );
    assert_eq!(it.cgroup_path(&path), expected);
    let of_file = "00112233445566778899aabbccddeeff";
    assert_eq!(
        it.cgroup_path(&format!("/pod{of_file}")),
        format!("/pod{}", it.ids(of_file)),
        "of a static pod"
    );
    let digest = it.ids(&format!("sha256:{id}"));
    assert_eq!(digest, format!("sha256:{changed}"));
    for stays in ["", "deadbeef", "0123456789abcdef", "é", "not-an-id-at-all"] {
        assert_eq!(it.ids(stays), stays);
    }
    let named = it.cgroup_path("/default/web1");
    assert_eq!(named, format!("/default/{}", it.cgroup_component("web1")));
    assert_eq!(it.cgroup_component("ssh.service"), "ssh.service");
    assert!(it.cgroup_component("customer.service").ends_with(".service"));
    assert!(!it.cgroup_component("customer.service").contains("customer"));
}

#[test]
fn addresses_stay_what_they_are() {
    let it = anonymiser();
    let address = |text: &str| it.address(text.parse().unwrap());
    for stays in ["127.0.0.1", "0.0.0.0", "169.254.169.254", "224.0.0.1", "::1", "::", "ff02::1"] {
        assert_eq!(address(stays), stays.parse::<IpAddr>().unwrap());
    }
    for text in ["10.1.2.3", "192.168.1.2", "172.20.0.1", "203.0.113.9", "2001:db8::1", "fd00::1", "fe80::1"]
    {
        let changed = address(text);
        assert_ne!(changed, text.parse::<IpAddr>().unwrap());
        assert_eq!(changed, address(text));
        match (changed, text.parse().unwrap()) {
            (IpAddr::V4(new), IpAddr::V4(old)) => {
                assert_eq!((new.is_private(), new.octets()[0]), (old.is_private(), old.octets()[0]));
            }
            (IpAddr::V6(new), IpAddr::V6(old)) => assert_eq!(new.segments()[0], old.segments()[0]),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn images_and_patterns_keep_their_form() {
    let it = anonymiser();
    let image = it.image("registry.example:5000/team/app:v1.2");
    assert_eq!((image.matches('/').count(), image.matches(':').count()), (2, 2), "{image}");
    assert!(!image.contains("team") && !image.contains("registry"));
    assert!(it.image("docker.io/library/nginx:latest").starts_with("docker.io/library/x"));
    let digest = format!("docker.io/library/a@sha256:{}", "ab".repeat(32));
    assert!(it.image(&digest).ends_with(&it.ids(&"ab".repeat(32))));
    assert_eq!(it.pattern("**/.ssh/**"), "**/.ssh/**");
    let pattern = it.pattern("/srv/customer/*.key");
    assert!(pattern.starts_with("/srv/x") && pattern.ends_with("/*.key"), "{pattern}");
}

#[test]
fn a_command_is_that_of_its_file() {
    let it = anonymiser();
    assert_eq!(it.word("bash"), "bash");
    assert_eq!(it.attribute("security.capability"), "security.capability");
    assert!(!it.attribute("user.customer").contains("customer"));
    assert!(it.record(b"garbage").is_empty());
}
