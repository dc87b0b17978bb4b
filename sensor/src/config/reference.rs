//! `docs/configuration.md` and `deploy/host/picket.toml`, made from the table of settings.

use std::fmt::Write as _;

use super::setting::{ALL, Setting};

const HEAD: &str = "\
<!-- Made from sensor/src/config/setting.rs; to write it anew: PICKET_BLESS=1 cargo test -p sensor --lib config -->
# Configuration

`picket run` works without any configuration. A setting is taken from the first of these places that gives it:

1. a flag of `picket run` (see `picket run --help`),
2. the environment variable of the setting,
3. the file named with `--config` or by `PICKET_CONFIG`, otherwise `/etc/picket/picket.toml` if it exists,
4. the default.

The file is [TOML](https://toml.io). In an environment variable the items of a list are separated by commas.
Unknown sections, keys and `PICKET_` variables are refused, so that a mistyped one is not silently without effect
(variables that Kubernetes makes for services called `picket…` are left alone).
";

const TOML_HEAD: &str = "\
# Made from sensor/src/config/setting.rs; to write it anew: PICKET_BLESS=1 cargo test -p sensor --lib config
# Every setting with its default. Copy what you change to /etc/picket/picket.toml; docs/configuration.md explains.
";

/// The whole page.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let mut section = "";
    for setting in ALL {
        if setting.section() != section {
            section = setting.section();
            line(&mut page, format_args!("\n## `[{section}]`"));
        }
        entry(&mut page, setting);
    }
    page
}

/// A configuration file that says what holds without it.
#[must_use]
pub fn toml() -> String {
    let mut file = TOML_HEAD.to_owned();
    let mut section = "";
    for setting in ALL {
        if setting.section() != section {
            section = setting.section();
            line(&mut file, format_args!("\n[{section}]"));
        }
        let name = setting.key.split_once('.').map_or(setting.key, |(_, name)| name);
        line(&mut file, format_args!("# {}", setting.help));
        match setting.default {
            "" => line(&mut file, format_args!("# {name} = \"…\"")),
            default => line(&mut file, format_args!("{name} = {default}")),
        }
    }
    file
}

fn entry(page: &mut String, setting: &Setting) {
    let name = setting.key.split_once('.').map_or(setting.key, |(_, name)| name);
    line(page, format_args!("\n### `{name}`\n\n{}\n", setting.help));
    line(page, format_args!("- Must be {}", setting.kind.expected()));
    if !setting.default.is_empty() {
        line(page, format_args!("- Default: `{}`", setting.default));
    }
    line(page, format_args!("- Environment: `{}`", setting.variable()));
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    writeln!(page, "{text}").unwrap_or_default();
}
