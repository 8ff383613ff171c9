//! Merchants' HTML: cleaned of all that runs or leads astray, once and for all.

use mercat::imports::{sanitize, to_text};

pub fn check(data: &[u8]) {
    let Ok(html) = std::str::from_utf8(data) else { return };
    let clean = sanitize(html);
    assert_eq!(sanitize(&clean), clean, "what is clean stays as it is");
    for tag in tags(&clean) {
        let name: String =
            tag.chars().skip_while(|c| *c == '/').take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        assert!(!FORBIDDEN.contains(&name.as_str()), "{name} in {clean:?}");
        for attribute in attributes(tag) {
            assert!(!attribute.starts_with("on"), "{attribute} in {clean:?}");
            let is_address = attribute == "href" || attribute == "src";
            let value = tag.split_once(&format!("{attribute}=\"")).map_or("", |(_, value)| value);
            let value = value.to_ascii_lowercase();
            assert!(
                !is_address
                    || !["javascript:", "data:", "vbscript:"].iter().any(|s| value.starts_with(s)),
                "{value} in {clean:?}"
            );
        }
    }
    let words = to_text(html);
    assert!(!words.contains("  ") && words.trim() == words, "{words:?}");
}

const FORBIDDEN: &[&str] = &[
    "script", "style", "iframe", "object", "embed", "form", "input", "button", "base", "meta",
    "link", "svg", "math", "template", "img", "video", "audio", "textarea", "select", "noscript",
    "title",
];

/// The inside of everything that a browser takes for a tag. Text has its `<` escaped.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    let pieces = html.split('<').skip(1);
    pieces.map(|piece| piece.split_once('>').map_or(piece, |(tag, _)| tag))
}

/// The names of a tag's attributes, as the cleaner writes them: `name="value"`.
fn attributes(tag: &str) -> Vec<&str> {
    let outside = tag.split('"').step_by(2);
    outside
        .filter_map(|part| part.trim().strip_suffix('='))
        .map(|part| part.rsplit(char::is_whitespace).next().unwrap_or(part))
        .collect()
}
