//! Holds the arrows between the parts of the program (`ARCHITECTURE.md`) by reading every `use` and
//! every path in the source: an inner part never names an outer one, and `domain` names no clock, no
//! randomness and no I/O.

use std::fs;
use std::path::{Path, PathBuf};

/// Each part and the parts it may name.
const ARROWS: [(&str, &[&str]); 20] = [
    ("domain", &[]),
    // Calls of it are in builds with debug assertions alone.
    ("failpoints", &[]),
    ("storage", &["failpoints", "domain"]),
    ("search", &["failpoints", "domain"]),
    ("payments", &["domain"]),
    ("notify", &["domain"]),
    ("media", &["domain"]),
    ("secrets", &["storage", "failpoints", "domain"]),
    ("identity", &["domain"]),
    ("imports", &["domain"]),
    ("verify", &["storage", "search", "domain"]),
    ("backup", &["storage", "domain"]),
    (
        "actors",
        &[
            "storage",
            "backup",
            "secrets",
            "search",
            "payments",
            "notify",
            "media",
            "imports",
            "failpoints",
            "domain",
        ],
    ),
    ("config", &["http", "actors", "backup", "identity", "payments", "notify", "domain"]),
    (
        "shop",
        &[
            "actors",
            "storage",
            "backup",
            "secrets",
            "search",
            "payments",
            "notify",
            "media",
            "imports",
            "telemetry",
            "failpoints",
            "domain",
        ],
    ),
    ("simulate", &["actors", "storage", "secrets", "payments", "verify", "domain"]),
    ("bench", &["verify", "config", "actors", "imports", "search", "secrets", "storage", "domain"]),
    ("telemetry", &[]),
    // The answers under idempotency keys are stored as they are sent: `http` names the stored form.
    (
        "http",
        &[
            "shop",
            "actors",
            "identity",
            "search",
            "payments",
            "media",
            "imports",
            "storage",
            "secrets",
            "telemetry",
            "domain",
        ],
    ),
    (
        "cli",
        &[
            "shop",
            "http",
            "actors",
            "identity",
            "config",
            "storage",
            "backup",
            "secrets",
            "search",
            "payments",
            "notify",
            "media",
            "imports",
            "verify",
            "simulate",
            "bench",
            "telemetry",
            "failpoints",
            "domain",
        ],
    ),
];

/// What `domain` may use from outside this program.
const VALUE_CRATES: [&str; 4] = ["std", "thiserror", "iso_currency", "proptest"];

/// What the standard library has of clocks and I/O.
const IMPURE: [&str; 9] = [
    "std::time",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "tokio::",
    "rand::",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The lines of a file without comments.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("a readable source");
    let lines = text.lines().enumerate();
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(|(i, line)| (i + 1, line.to_owned())).collect()
}

/// The parts that a line names as `crate::part`.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Wrong arrows in one part's line.
fn wrong<'a>(part: &str, line: &'a str) -> Vec<&'a str> {
    let allowed =
        ARROWS.iter().find(|(name, _)| *name == part).map_or(&[][..], |(_, allowed)| allowed);
    let is_part = |name: &&str| ARROWS.iter().any(|(part, _)| part == name);
    named(line).filter(is_part).filter(|name| *name != part && !allowed.contains(name)).collect()
}

#[test]
fn no_part_names_one_that_is_outside_of_it() {
    let mut found = Vec::new();
    let mut read = 0;
    for path in sources(&root()) {
        let inside = path.strip_prefix(root()).expect("below the root").to_owned();
        let part = inside
            .iter()
            .next()
            .and_then(|part| part.to_str())
            .expect("a name")
            .trim_end_matches(".rs");
        if part == "lib" || part == "main" {
            continue;
        }
        assert!(
            ARROWS.iter().any(|(name, _)| *name == part),
            "{part} is a new part: say in ARROWS and ARCHITECTURE.md what it may name"
        );
        for (number, line) in code(&path) {
            read += 1;
            for name in wrong(part, &line) {
                found.push(format!("{}:{number}: {part} names {name}", inside.display()));
            }
        }
    }
    assert!(read > 5_000, "the sources were not found");
    assert!(found.is_empty(), "wrong arrows:\n{}", found.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    let mut found = Vec::new();
    for path in sources(&root().join("domain")) {
        for (number, line) in code(&path) {
            let place = format!("{}:{number}", path.display());
            if let Some(name) = IMPURE.iter().find(|name| line.contains(*name)) {
                found.push(format!("{place}: {name}"));
            }
            let crate_name = line.strip_prefix("use ").and_then(|used| used.split("::").next());
            let foreign = crate_name.filter(|name| !matches!(*name, "crate" | "super" | "self"));
            if let Some(name) = foreign.filter(|name| !VALUE_CRATES.contains(name)) {
                found.push(format!("{place}: uses the crate {name}"));
            }
        }
    }
    assert!(found.is_empty(), "the domain does I/O or knows an outer crate:\n{}", found.join("\n"));
}

/// Who is asked by orders, and the one message to an order that each may name: its answer. To shards
/// they send what comes back to themselves.
const ASKED: [(&str, &str, &str); 2] = [
    ("actors/cart.rs", "OrderMessage::CartLent", "ShardMessage::Cart"),
    ("actors/sku.rs", "OrderMessage::Held", "ShardMessage::Sku"),
];

/// Whether a line of a cart or an SKU asks an order, or anybody else but itself.
fn asks(line: &str, answer: &str, own: &str) -> bool {
    let sent = ["OrderMessage::", "ShardMessage::"]
        .into_iter()
        .flat_map(|name| line.match_indices(name).map(|(at, _)| &line[at..]));
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric());
    let allowed =
        |text: &str| [answer, own].iter().any(|name| text.strip_prefix(name).is_some_and(ends));
    // Only whoever asks says where the answer goes.
    sent.into_iter().any(|text| !allowed(text)) || line.contains(".owed(")
}

#[test]
fn carts_and_skus_ask_nobody() {
    let mut found = Vec::new();
    for (file, answer, own) in ASKED {
        let lines = code(&root().join(file));
        assert!(lines.iter().any(|(_, line)| line.contains(answer)), "{file} answers orders");
        let asking = lines.into_iter().filter(|(_, line)| asks(line, answer, own));
        found.extend(asking.map(|(number, line)| format!("{file}:{number}: {}", line.trim())));
    }
    assert!(found.is_empty(), "orders ask carts and SKUs, and those nobody:\n{}", found.join("\n"));
    for line in [
        "step.send(ShardMessage::Order(order, OrderMessage::Retry));",
        "step.send(ShardMessage::Cart(id, message));",
        "let answer = step.owed(order, lost);",
        "step.give(answer, OrderMessage::Told(told));",
    ] {
        assert!(asks(line, "OrderMessage::Held", "ShardMessage::Sku"), "{line}");
    }
}

#[test]
fn a_wrong_arrow_would_be_seen() {
    assert_eq!(wrong("domain", "use crate::storage::Batch;"), ["storage"]);
    assert_eq!(wrong("storage", "    let x = crate::http::json::Time(at);"), ["http"]);
    assert!(wrong("http", "use crate::domain::Money;").is_empty());
}
