//! Mining: JSON lines of Stratum, of XMR pools and of EthProxy.
//!
//! Many services speak JSON-RPC and have a `login`. Mining is what only miners and pools say: methods
//! `mining.*`, `eth_submitLogin` and its siblings, `keepalived`; a login with the very fields of a miner;
//! a job with a blob and a target.

use super::{Protocol, Reading, Side, SoFar};
use crate::event::wire::cursor::{Read, Stop};
use crate::event::wire::text::shortened;
use facts::Message;

mod facts;

/// Messages that are looked at.
const MESSAGES_MAX: usize = 8;
/// Characters that are shown of a method, a user and an agent.
const METHOD_MAX: usize = 32;
const USER_MAX: usize = 120;
const AGENT_MAX: usize = 60;
/// Shortest wallet address of the CryptoNote family, in characters.
const WALLET_MIN: usize = 90;

pub(super) fn read(so_far: SoFar<'_>) -> Read<Reading> {
    let start = so_far.bytes.trim_ascii_start();
    match start.first() {
        None => return Err(Stop::More),
        Some(b'{') => {}
        Some(_) => return Err(Stop::No),
    }
    let (messages, stop) = facts::messages(start, MESSAGES_MAX);
    let Some((mines, side)) = find(&messages, mining) else { return Err(stop) };
    // What comes after the login says nothing about who mines.
    let enough = find(&messages, user).map(|(names, _)| names.max(mines) + 1);
    let looked_at = enough.and_then(|count| messages.get(..count)).unwrap_or(&messages);
    let logged_in = enough.is_some() && looked_at.iter().all(|message| message.whole);
    Ok(Reading {
        detail: Some(detail(looked_at)),
        done: stop == Stop::No || logged_in,
        ..Reading::new(Protocol::Stratum, side)
    })
}

/// The first message of which there is something to say.
fn find<'a, T>(messages: &'a [Message], say: impl Fn(&'a Message) -> Option<T>) -> Option<(usize, T)> {
    messages.iter().enumerate().find_map(|(index, message)| Some((index, say(message)?)))
}

/// Who says it, if it is mining at all.
fn mining(message: &Message) -> Option<Side> {
    if let Some(side) = message.methods.iter().find_map(|method| by_method(method)) {
        return Some(side);
    }
    let has = |method: &str| message.methods.iter().any(|found| found == method);
    let miner = message.pass && (message.agent.is_some() || message.algorithms || message.rig);
    let wallet = message.login.as_deref().is_some_and(is_wallet);
    if has("login") && message.login.is_some() && (miner || wallet) {
        return Some(Side::Client);
    }
    if has("submit") && message.job_id && message.nonce {
        return Some(Side::Client);
    }
    (message.blob && message.target && (message.job_result || has("job"))).then_some(Side::Server)
}

fn by_method(method: &str) -> Option<Side> {
    match method {
        "mining.notify" | "mining.set_difficulty" | "mining.set_target" | "mining.set_extranonce" => {
            Some(Side::Server)
        }
        "keepalived" | "eth_submitLogin" | "eth_submitWork" | "eth_submitHashrate" => Some(Side::Client),
        _ => method.strip_prefix("mining.").filter(|rest| !rest.is_empty()).map(|_| Side::Client),
    }
}

/// A long string of the letters and digits that addresses consist of, perhaps followed by the name of
/// a worker or a difficulty.
fn is_wallet(login: &str) -> bool {
    let address = login.split(['.', '+', '/', ':', '@']).next().unwrap_or_default();
    address.len() >= WALLET_MIN && address.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Who mines: wallet or account, and worker.
fn user(message: &Message) -> Option<&str> {
    let names_user = |method: &String| method == "mining.authorize" || method == "eth_submitLogin";
    let first = message.methods.iter().any(names_user).then_some(message.first.as_deref()).flatten();
    message.login.as_deref().or(first)
}

fn agent(message: &Message) -> Option<&str> {
    let subscribes = message.methods.iter().any(|method| method == "mining.subscribe");
    message.agent.as_deref().or(message.first.as_deref().filter(|_| subscribes))
}

/// `mining.subscribe, mining.authorize user=… agent=…`
fn detail(messages: &[Message]) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for message in messages {
        for method in message.methods.iter().map(String::as_str).chain(message.job_result.then_some("job")) {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
    }
    let methods: Vec<_> = methods.iter().take(4).map(|method| shortened(method, METHOD_MAX)).collect();
    let mut detail = methods.join(", ");
    let user = messages.iter().find_map(user);
    let agent = messages.iter().find_map(agent);
    for (name, value, longest) in [("user", user, USER_MAX), ("agent", agent, AGENT_MAX)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            detail.push_str(&format!(" {name}={}", shortened(value, longest)));
        }
    }
    detail
}
