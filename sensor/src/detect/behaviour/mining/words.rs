//! What names, ports, arguments and program names say of mining.

use std::net::IpAddr;

/// Points of something that only miners say.
pub(super) const SURE: u32 = 140;
/// Points of something that hardly anybody else says.
pub(super) const LIKELY: u32 = 105;
/// Points of something that others say, too.
pub(super) const HINT: u32 = 40;

/// Labels by which pools are known.
const POOLS: &[&str] = &[
    "2miners",
    "antpool",
    "bohemianpool",
    "braiins",
    "btccom-pool",
    "c3pool",
    "crypto-pool",
    "cryptonote-pool",
    "dwarfpool",
    "ethermine",
    "f2pool",
    "fairpool",
    "flexpool",
    "flypool",
    "gulf-moneroocean",
    "hashcity",
    "hashvault",
    "herominers",
    "hiveon",
    "k1pool",
    "kryptex",
    "litecoinpool",
    "mine-xmr",
    "minergate",
    "minexmr",
    "minexpool",
    "mining-dutch",
    "miningpoolhub",
    "miningrigrentals",
    "monerohash",
    "moneroocean",
    "nanopool",
    "nicehash",
    "p2pool",
    "poolin",
    "prohashing",
    "ravenminer",
    "rx-unmineable",
    "skypool",
    "slushpool",
    "sparkpool",
    "spiderpool",
    "supportxmr",
    "suprnova",
    "unmineable",
    "viabtc",
    "viaxmr",
    "woolypooly",
    "xmrig",
    "xmrpool",
    "zergpool",
    "zpool",
];

/// Parts of names that only pools and their proxies have.
const POOL_PARTS: &[&str] =
    &["cryptonight", "kawpow", "minexmr", "miningpool", "moneropool", "randomx", "xmr-", "xmrpool", "xmr."];

/// Ports of pools that hardly anything else uses.
const PORTS: &[u16] = &[3333, 14_433, 14_444, 45_560, 45_700];
/// Ports of pools that others use as well.
const SHARED_PORTS: &[u16] = &[3334, 3335, 4444, 5555, 5556, 7777, 9999, 13_333, 20_580, 33_333];

/// Algorithms, as their names begin.
const ALGORITHMS: &[&str] = &[
    "argon2",
    "astrobwt",
    "autolykos",
    "cn-",
    "cn/",
    "cryptonight",
    "equihash",
    "etchash",
    "ethash",
    "ghostrider",
    "kawpow",
    "kheavyhash",
    "progpow",
    "randomx",
    "rx/",
    "scrypt",
    "sha256d",
    "verushash",
    "yescrypt",
    "yespower",
];

/// Names of programs.
const PROGRAMS: &[&str] = &[
    "astrominer",
    "bfgminer",
    "bzminer",
    "ccminer",
    "cgminer",
    "cpuminer",
    "cpuminer-multi",
    "ethminer",
    "gminer",
    "kdevtmpfsi",
    "kinsing",
    "kthreaddi",
    "lolminer",
    "minerd",
    "minergate",
    "nanominer",
    "nbminer",
    "nsfminer",
    "phoenixminer",
    "rigel",
    "srbminer-multi",
    "sugarmaker",
    "t-rex",
    "teamredminer",
    "watchbog",
    "wildrig-multi",
    "xmr-stak",
    "xmrig",
    "xmrigdaemon",
];

/// Threads of the kernel, as their names begin.
const KERNEL_THREADS: &[&str] = &[
    "cpuhp/",
    "ext4-rsv-conv",
    "idle_inject/",
    "irq/",
    "jbd2/",
    "kworker/",
    "migration/",
    "rcu_preempt",
    "rcu_sched",
    "rcuop/",
    "scsi_eh_",
    "watchdog/",
    "xfsaild/",
];
/// The same, whole.
const KERNEL_THREAD_NAMES: &[&str] = &[
    "kauditd",
    "kblockd",
    "kcompactd0",
    "kdevtmpfs",
    "khugepaged",
    "khungtaskd",
    "kintegrityd",
    "ksmd",
    "kswapd0",
    "kswapd1",
    "kthreadd",
    "kthrotld",
    "oom_reaper",
    "rcu_gp",
    "writeback",
];

/// Points that a name of the network gives.
pub(super) fn pool_name(name: &str) -> Option<u32> {
    let labels = || name.split('.').filter(|label| !label.is_empty());
    // Of its last label only the domain above knows something.
    let above = labels().count().saturating_sub(1);
    if labels().take(above).any(|label| POOLS.binary_search(&label).is_ok()) {
        return Some(LIKELY);
    }
    if POOL_PARTS.iter().any(|part| name.contains(part)) {
        return Some(60);
    }
    // Time servers and file servers have strata, too; they do not call themselves only that.
    let first = labels().next().unwrap_or_default();
    let mines = |label: &str| {
        label == "stratum" || label.starts_with("stratum-") || label == "mine" || label == "mining"
    };
    mines(first).then_some(HINT)
}

/// Points that a port at a public address gives, if nothing else is known of what is said there.
pub(super) fn pool_port(address: IpAddr, port: u16) -> Option<u32> {
    if !is_public(address) {
        return None;
    }
    if PORTS.binary_search(&port).is_ok() {
        return Some(LIKELY);
    }
    SHARED_PORTS.binary_search(&port).is_ok().then_some(60)
}

/// An address beyond private networks, and neither the node's own nor one for many.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = matches!(address.octets(), [100, second, ..] if second & 0xc0 == 64);
            let own = address.is_loopback() || address.is_unspecified();
            !(shared
                || own
                || address.is_private()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast())
        }
        IpAddr::V6(address) => {
            let own = address.is_loopback() || address.is_unspecified();
            !(own || address.is_unique_local() || address.is_unicast_link_local() || address.is_multicast())
        }
    }
}

/// What the arguments of a program say: points, and the argument that says most.
pub(super) fn arguments<'a>(arguments: impl Iterator<Item = &'a str>) -> Option<(u32, &'a str)> {
    let mut best: Option<(u32, &str)> = None;
    let (mut address, mut user, mut pass, mut wallet) = (None, false, false, None);
    let mut before = "";
    for argument in arguments.skip(1) {
        let (option, value) = match argument.split_once('=') {
            Some((option, value)) if option.starts_with('-') => (option, value),
            _ if argument.starts_with('-') => (argument, ""),
            _ => (before, argument),
        };
        if let Some(points) = alone(argument, option, value)
            && best.is_none_or(|(most, _)| points > most)
        {
            best = Some((points, argument));
        }
        if matches!(option, "-o" | "--url" | "-P" | "--pool" | "-pool" | "--server") && has_port(value) {
            address = Some(argument);
        }
        user |= matches!(option, "-u" | "--user" | "--userpass" | "--wallet" | "-wal" | "-w")
            && !value.is_empty();
        pass |= matches!(option, "-p" | "--pass" | "--rig-id" | "--worker" | "-pwd") && !value.is_empty();
        if wallet.is_none() && is_wallet(value) {
            wallet = Some(argument);
        }
        before = if argument.starts_with('-') && !argument.contains('=') { argument } else { "" };
    }
    let together = match (address, user, pass, wallet) {
        (Some(address), _, _, Some(_)) => Some((SURE, address)),
        (Some(address), true, true, None) => Some((LIKELY, address)),
        (None, true, _, Some(wallet)) => Some((LIKELY, wallet)),
        (None, false, _, Some(wallet)) => Some((HINT, wallet)),
        _ => None,
    };
    best.into_iter().chain(together).max_by_key(|(points, _)| *points)
}

/// Schemes of pools.
const SCHEMES: [&str; 7] =
    ["stratum+", "stratum2+", "stratum://", "stratums://", "daemon+http", "ethproxy+", "ethstratum"];

/// Options that only miners have, as they begin.
const OPTIONS: [&str; 8] = [
    "--donate-level",
    "--donate-over-proxy",
    "--nicehash",
    "--randomx-",
    "--cpu-max-threads-hint",
    "--cuda-bfactor",
    "--farm-recheck",
    "--coinbase-addr",
];

/// Points of one argument; of an option with its value. Command lines can be long: most arguments end with a look or two.
fn alone(argument: &str, option: &str, value: &str) -> Option<u32> {
    if argument.contains("://") {
        return SCHEMES.iter().any(|scheme| argument.contains(scheme)).then_some(SURE);
    }
    if argument.starts_with("--") && OPTIONS.iter().any(|known| argument.starts_with(known)) {
        return Some(SURE);
    }
    match option {
        "--rig-id" | "--hugepage-size" | "--opencl-devices" => Some(HINT),
        "-a" | "--algo" | "--algorithm" | "-algo" => algorithm(&value.to_ascii_lowercase()),
        "--coin" => {
            let coins = ["monero", "xmr", "ravencoin", "raptoreum", "zephyr", "wownero", "dero", "conceal"];
            coins.iter().any(|coin| value.eq_ignore_ascii_case(coin)).then_some(LIKELY)
        }
        _ => config_file(argument),
    }
}

/// The name of an algorithm, in lower case.
fn algorithm(name: &str) -> Option<u32> {
    // Hashes of passwords and files have some of these names as well.
    let shared = ["argon2", "scrypt"].iter().any(|known| name.starts_with(known));
    let known = ALGORITHMS.iter().any(|known| name.starts_with(known));
    known.then_some(if shared { HINT } else { LIKELY })
}

/// A file with settings of a miner, by its name.
fn config_file(argument: &str) -> Option<u32> {
    let extensions = [".json", ".conf", ".cfg", ".toml", ".yaml", ".yml", ".txt", ".ini"];
    if !extensions.iter().any(|extension| argument.ends_with(extension)) {
        return None;
    }
    let name = argument.rsplit(['/', '=']).next().unwrap_or_default();
    let parts = ["xmr", "miner", "monero", "randomx", "stratum", "pools"];
    parts.iter().any(|part| name.contains(part)).then_some(HINT)
}

/// A host with a port, perhaps with a scheme.
fn has_port(value: &str) -> bool {
    let host = value.rsplit("//").next().unwrap_or_default();
    let end = host.split('/').next().unwrap_or_default();
    end.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Text in the form of an address to which coins can be paid, perhaps with the name of a worker behind it.
pub(super) fn is_wallet(text: &str) -> bool {
    if text.len() < 42 {
        return false;
    }
    let address = text.split(['.', '+', '/', '@']).next().unwrap_or_default();
    let bare = address.rsplit(':').next().unwrap_or_default();
    let base58 = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l'))
    };
    let bech32 = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let hexadecimal = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match bare.len() {
        // Monero and its kin.
        95..=108 => base58(bare),
        // Bitcoin, Litecoin, Kaspa.
        42..=75 if ["bc1", "ltc1"].iter().any(|start| bare.starts_with(start)) => bech32(bare),
        61..=75 if address.starts_with("kaspa:") => bech32(bare),
        // Ethereum and its kin.
        42 => bare.strip_prefix("0x").is_some_and(hexadecimal),
        _ => false,
    }
}

/// The name of a program that mines.
pub(super) fn is_miner(name: &str) -> bool {
    PROGRAMS.binary_search(&name).is_ok()
}

/// Whether a program that ends others, or looks for them, is told the name of a miner.
pub(super) fn hunts_rivals<'a>(tool: &str, mut arguments: impl Iterator<Item = &'a str>) -> bool {
    let hunts = matches!(tool, "kill" | "killall" | "pkill" | "pgrep" | "pidof" | "skill");
    hunts
        && arguments.any(|argument| {
            PROGRAMS.iter().any(|name| (name.len() > 5 || *name == "xmrig") && argument.contains(name))
        })
}

/// Looks like the name of a thread of the kernel.
pub(in crate::detect::behaviour) fn is_kernel_thread(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let known = |name: &str| {
        KERNEL_THREAD_NAMES.binary_search(&name).is_ok()
            || KERNEL_THREADS.iter().any(|start| name.starts_with(start))
    };
    // In brackets is how lists of processes show those of the kernel.
    bare.is_some_and(|bare| !bare.is_empty()) || known(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONERO: &str =
        "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD";

    fn said(line: &str) -> u32 {
        arguments(line.split(' ')).map_or(0, |(points, _)| points)
    }

    #[test]
    fn lists_are_sorted() {
        for list in [POOLS, PROGRAMS, KERNEL_THREAD_NAMES] {
            assert!(list.is_sorted(), "{list:?}");
        }
        assert!(PORTS.is_sorted() && SHARED_PORTS.is_sorted());
    }

    #[test]
    fn miners_are_known_by_what_they_are_told() {
        for line in [
            "x -o stratum+tcp://198.51.100.7:3333",
            "x --url=stratum+ssl://a:443 -k",
            "x --donate-level 1",
            "x --randomx-1gb-pages",
        ] {
            assert_eq!(said(line), SURE, "{line}");
        }
        assert_eq!(said(&format!("x -o 198.51.100.7:443 -u {MONERO}.w1")), SURE);
        assert_eq!(said(&format!("x --wallet {MONERO}")), LIKELY);
        assert_eq!(said("x -o pool.example:443 -u me -p x"), LIKELY);
        assert_eq!(said("x -a rx/0"), LIKELY);
        assert_eq!(said("x --algo=kawpow"), LIKELY);
        assert_eq!(said("x --coin monero"), LIKELY);
        assert_eq!(said("x -c /tmp/.x/xmr.json"), HINT);
        assert_eq!(said("geth --etherbase 0x71C7656EC7ab88b098defB751B7401B5f6d8976F"), HINT);
    }

    #[test]
    fn others_are_not() {
        for line in [
            "curl -o out.tar https://example.org:443/x -u me",
            "mysql -u root -p secret -h db",
            "ssh -o StrictHostKeyChecking=no -p 22 host",
            "mount -o rw,user=1000 -a x",
            "gcc -o build/main main.c -O2",
            "redis-cli -u redis://a:6379 -a secret",
            "java -Xmx4g -jar app.jar --server.port=8080",
            "node server.js",
            "",
        ] {
            assert_eq!(said(line), 0, "{line}");
        }
    }

    #[test]
    fn wallets_have_their_forms() {
        assert!(is_wallet(MONERO) && is_wallet("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"));
        assert!(is_wallet("kaspa:qpamkvhgh0kzx50gwvvp5xs8ktmqutcy3dfs9dc3w7lm9rq0zs76vf959mmrp.rig"));
        let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(
            !is_wallet(sha256) && !is_wallet("da39a3ee5e6b4b0d3255bfef95601890afd80709") && !is_wallet("")
        );
        assert!(!is_wallet(&"=".repeat(95)));
    }

    #[test]
    fn pools_are_known_by_name() {
        for name in ["pool.supportxmr.com", "gulf.moneroocean.stream", "xmr-eu1.nanopool.org", "nanopool.org"]
        {
            assert_eq!(pool_name(name), Some(LIKELY), "{name}");
        }
        assert_eq!((pool_name("xmr.pool.example"), pool_name("stratum.example.org")), (Some(60), Some(HINT)));
        for name in [
            "stratum1.ntp.example",
            "pool.ntp.org",
            "cvmfs-stratum-one.cern.ch",
            "example.com",
            "supportxmr",
            "",
        ] {
            assert_eq!(pool_name(name), None, "{name}");
        }
    }

    #[test]
    fn ports_count_beyond_private_networks() {
        let points = |address: &str, port| pool_port(address.parse().unwrap(), port);
        assert_eq!(
            (points("198.51.100.7", 3333), points("2001:db8::1", 14_444)),
            (Some(LIKELY), Some(LIKELY))
        );
        assert_eq!((points("198.51.100.7", 4444), points("198.51.100.7", 443)), (Some(60), None));
        for private in ["10.0.0.7", "127.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1"] {
            assert_eq!(points(private, 3333), None, "{private}");
        }
    }

    #[test]
    fn names_like_those_of_the_kernel() {
        for name in ["[kworker/0:1]", "kworker/u8:2", "kswapd0", "[x]"] {
            assert!(is_kernel_thread(name), "{name}");
        }
        assert!(!is_kernel_thread("kubelet") && !is_kernel_thread("[]") && !is_kernel_thread(""));
    }
}
