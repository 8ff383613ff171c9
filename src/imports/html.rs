//! What merchants' HTML may say: a short list of harmless elements, everything else falls away.
//!
//! Descriptions come from files and forms that anyone may have written, and end up in pages that
//! shoppers trust. They are cleaned once, on their way in, and are then shown as they are. So
//! cleaning what is clean must change nothing: a product that is exported and imported again is
//! the same product.

use ammonia::{Builder, UrlRelative};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Elements that stay; none of them carries an attribute, but for the address of a link.
const TAGS: [&str; 22] = [
    "a",
    "b",
    "blockquote",
    "br",
    "caption",
    "em",
    "h2",
    "h3",
    "h4",
    "i",
    "li",
    "ol",
    "p",
    "strong",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Elements that go with all that is in them: their content was never meant to be read.
const DROPPED_WHOLE: [&str; 8] =
    ["iframe", "math", "noscript", "script", "style", "svg", "template", "title"];

/// Elements that stand on lines of their own. Where one of them falls away, its text must not grow
/// together with the text around it.
const BLOCKS: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "caption",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "p",
    "pre",
    "section",
    "table",
    "td",
    "th",
    "tr",
];

static RICH: LazyLock<Builder<'static>> = LazyLock::new(rich);

fn rich() -> Builder<'static> {
    let mut builder = Builder::default();
    builder
        .tags(HashSet::from(TAGS))
        .clean_content_tags(HashSet::from(DROPPED_WHOLE))
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .tag_attribute_values(HashMap::new())
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow noopener"));
    builder
}

/// Elements that text pages may have beside [`TAGS`].
const PAGE_TAGS: [&str; 4] = ["code", "del", "hr", "pre"];

/// As [`RICH`], for the merchant's own text pages: their links may lead to other pages of the shop.
static PAGE: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = rich();
    builder
        .add_tags(PAGE_TAGS)
        .url_relative(UrlRelative::Custom(Box::new(own_path)))
        .link_rel(None);
    builder
});

/// A path of this shop. Browsers read a backslash as a slash, and two slashes lead to another host.
fn own_path(url: &str) -> Option<Cow<'_, str>> {
    let rest = url.strip_prefix('/')?;
    let is_own = !rest.starts_with('/') && !url.contains(['\\', '\t', '\n', '\r']);
    is_own.then(|| url.into())
}

static PLAIN: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder.clean_content_tags(HashSet::from(DROPPED_WHOLE));
    builder
});

/// How often text is cleaned until cleaning changes nothing. Taking elements away can change how
/// the rest nests, so once is not always enough; more than twice is somebody trying.
const ROUNDS: usize = 8;

/// Elements that a text may open. A parser's work can grow with the square of their nesting: 256 KB
/// of `<div>` keep it busy for minutes, this many for a moment. A table of 200 rows has fewer.
const MOST_ELEMENTS: usize = 2_048;

/// Keeps what is harmless: paragraphs, lists, emphasis, headings, quotes, tables, and links to
/// `http`, `https` and `mailto` addresses. The result may be shown as it is, and `sanitize` of it
/// is the same text again. What has too many elements or finds no stable form collapses to its
/// words.
pub fn sanitize(html: &str) -> String {
    stable(html, &RICH, |tag| TAGS.contains(&tag))
}

/// As [`sanitize`], for text pages: rules, code and struck-out words stay as well, and links to paths
/// of this shop.
pub(super) fn sanitize_page(html: &str) -> String {
    stable(html, &PAGE, |tag| TAGS.contains(&tag) || PAGE_TAGS.contains(&tag))
}

/// Cleans until cleaning changes nothing.
fn stable(html: &str, builder: &Builder, is_kept: impl Fn(&str) -> bool) -> String {
    let mut current = apart(html, |tag| !is_kept(tag));
    for _ in 0..ROUNDS {
        if is_overgrown(&current) {
            break;
        }
        let next = cleaned(builder, &current);
        if next == current {
            return current;
        }
        current = next;
    }
    plain(&current)
}

/// The words of `html` alone, entities decoded, with single spaces: for search and for summaries.
pub fn to_text(html: &str) -> String {
    // The serializer writes these four and no other (the HTML standard, "escaping a string").
    let text = plain(html).replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">");
    let text = text.replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text with its escapes and without any element.
fn plain(html: &str) -> String {
    let html = if is_overgrown(html) { without_tags(html) } else { apart(html, |_| true) };
    cleaned(&PLAIN, &html)
}

fn is_overgrown(html: &str) -> bool {
    let opens = |pair: &&[u8]| pair[0] == b'<' && pair[1].is_ascii_alphabetic();
    html.as_bytes().windows(2).filter(opens).count() > MOST_ELEMENTS
}

/// Blots out whatever looks like a tag, without parsing; what is left holds no `<` at all.
fn without_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut pieces = html.split('<');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let is_tag = piece.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
        match piece.split_once('>') {
            Some((_, after)) if is_tag => {
                out.push(' ');
                out.push_str(after);
            }
            _ => {
                out.push_str("&lt;");
                out.push_str(piece);
            }
        }
    }
    out
}

/// Control characters would be read differently the next time (a parser turns CR into LF).
fn cleaned(builder: &Builder, html: &str) -> String {
    let html = builder.clean(html).to_string();
    let readable = |c: char| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c };
    html.chars().map(readable).collect::<String>().trim().to_owned()
}

/// Puts a line feed before each tag of a block that `falls_away`.
fn apart(html: &str, falls_away: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 16);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let name = tag[1..].trim_start_matches('/');
        let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let name = name[..length].to_ascii_lowercase();
        if BLOCKS.contains(&name.as_str()) && falls_away(&name) {
            out.push('\n');
        }
        out.push('<');
        rest = &tag[1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_merchants_write_stays() {
        for kept in [
            "<p>A <strong>round</strong> table, <em>oiled</em>.<br>Oak.</p>",
            "<ul><li>One</li><li>Two</li></ul>",
            "<h2>Care</h2><blockquote>Dust it.</blockquote>",
            "<table><thead><tr><th>Size</th></tr></thead><tbody><tr><td>M</td></tr></tbody></table>",
            "Salt &amp; pepper, 3 &lt; 4",
        ] {
            assert_eq!(sanitize(kept), kept);
        }
    }

    #[test]
    fn links_keep_their_address_and_nothing_else() {
        let link =
            sanitize(r#"<a href="https://example.com/a?b=1" onclick="x()" style="y">go</a>"#);
        assert_eq!(link, r#"<a href="https://example.com/a?b=1" rel="nofollow noopener">go</a>"#);
        for bad in ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "/local"] {
            let link = sanitize(&format!(r#"<a href="{bad}">go</a>"#));
            assert_eq!(link, r#"<a rel="nofollow noopener">go</a>"#, "{bad}");
        }
    }

    #[test]
    fn words_do_not_grow_together_where_blocks_fall_away() {
        assert_eq!(sanitize("<div>Soft.</div><div>Warm.</div>"), "Soft.\n\nWarm.");
        assert_eq!(
            to_text("<h1>Oak</h1><p>Soft.</p><p><b>W</b>arm &amp;&nbsp;dry</p>"),
            "Oak Soft. Warm & dry"
        );
        assert_eq!(to_text("a &amp;lt;b&amp;gt; <script>x</script>c"), "a &lt;b&gt; c");
    }

    const ATTACKS: [&str; 22] = [
        "<script>alert(1)</script>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<svg><script>alert(1)</script></svg>",
        "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=\" java\tscript:alert(1)\">x</a>",
        "<a href=\"&#106;avascript:alert(1)\">x</a>",
        "<a href='vbscript:x'>x</a>",
        "<p onmouseover=alert(1) style=\"background:url(javascript:alert(1))\">x</p>",
        "<iframe src=\"javascript:alert(1)\"></iframe>",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<object data=\"data:text/html,<script>alert(1)</script>\"></object>",
        "<style>@import 'http://evil/x.css';</style>",
        "<base href=\"javascript:alert(1)//\">",
        "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
        "\"><script>alert(1)</script>",
        "<table><td><a href=x><table><a href=javascript:alert(1)>x",
    ];

    /// Every tag in clean HTML is one of the list, and no attribute but a link's is there.
    fn is_harmless(html: &str) -> bool {
        html.split('<').skip(1).all(|piece| {
            let Some((tag, _)) = piece.split_once('>') else { return false };
            let tag = tag.strip_prefix('/').unwrap_or(tag);
            match tag.split_once(' ') {
                None => TAGS.contains(&tag),
                Some(("a", attributes)) => {
                    let rel = "rel=\"nofollow noopener\"";
                    attributes == rel
                        || (attributes.ends_with(rel)
                            && ["http:", "https:", "mailto:"].iter().any(|scheme| {
                                let start = format!("href=\"{scheme}");
                                attributes.to_ascii_lowercase().starts_with(&start)
                            })
                            && attributes.matches('"').count() == 4)
                }
                Some(_) => false,
            }
        })
    }

    #[test]
    fn what_has_too_many_elements_collapses_to_its_words() {
        for piece in ["<div>a", "<ul><li>a", "<i><div>a", "<b id=1>a<p>", "<<b>div>a", "<a"] {
            let clean = sanitize(&piece.repeat(40_000));
            assert!(!clean.contains('<') && clean.contains('a'), "{piece}");
            assert_eq!(sanitize(&clean), clean, "{piece}");
            assert!(to_text(&piece.repeat(40_000)).contains('a'), "{piece}");
        }
        let different: String = (0..200).map(|i| format!("<b id={i}><p>a")).collect();
        let clean = sanitize(&different);
        assert_eq!(sanitize(&clean), clean);
        let cells = MOST_ELEMENTS - 2;
        let table =
            format!("<table><tbody><tr>{}</tr></tbody></table>", "<td>a</td>".repeat(cells - 1));
        assert_eq!(sanitize(&table), table, "at the bound it stays");
    }

    #[test]
    fn attacks_come_out_harmless_and_stay_so() {
        for attack in ATTACKS {
            let clean = sanitize(attack);
            assert!(is_harmless(&clean), "{attack} became {clean}");
            assert_eq!(sanitize(&clean), clean, "{attack}");
        }
    }

    /// Pieces that parsers take apart and put together differently.
    fn soup() -> impl Strategy<Value = String> {
        let tag = prop::sample::select(vec![
            "a",
            "b",
            "i",
            "p",
            "ul",
            "li",
            "table",
            "tr",
            "td",
            "caption",
            "h2",
            "div",
            "span",
            "svg",
            "math",
            "mtext",
            "style",
            "script",
            "button",
            "select",
            "option",
            "textarea",
            "template",
            "title",
            "form",
            "br",
            "img",
            "nobr",
            "frameset",
            "plaintext",
            "pre",
            "noscript",
        ]);
        let piece = prop_oneof![
            tag.clone().prop_map(|tag| format!("<{tag}>")),
            tag.clone().prop_map(|tag| format!("</{tag}>")),
            tag.prop_map(|tag| format!(
                "<{tag} href=\"https://a.example/?x=1&y='2'\" onclick=x class=y>"
            )),
            "[ -~]{0,8}",
            Just("&#13;".to_owned()),
            Just("&#0;&#x85;&nbsp;\r\n\r".to_owned()),
            Just("<!--".to_owned()),
            Just("-->".to_owned()),
            Just("<![CDATA[".to_owned()),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn cleaning_what_is_clean_changes_nothing(html in soup()) {
            let clean = sanitize(&html);
            prop_assert!(is_harmless(&clean), "{}", clean);
            prop_assert_eq!(sanitize(&clean), clean);
        }

        #[test]
        fn any_text_can_be_cleaned(html in any::<String>()) {
            let clean = sanitize(&html);
            prop_assert_eq!(sanitize(&clean), clean);
            to_text(&html);
        }

        #[test]
        fn text_without_markup_is_its_own_words(words in prop::collection::vec("[a-zA-Z0-9,.!]{1,9}", 0..20)) {
            let text = words.join(" ");
            prop_assert_eq!(to_text(&sanitize(&text)), text);
        }
    }
}
