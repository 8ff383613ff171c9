//! Merchants' Markdown made into HTML that may be shown as it is.
//!
//! CommonMark with tables and strikethrough. HTML in it is cleaned like any other, so it may say no
//! more than Markdown can.

use super::html::sanitize_page;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// The HTML of a text. Headings begin at `h2`, for the page's own title is its `h1`; tables can be
/// scrolled by keyboard where they are too wide.
pub fn markdown_to_html(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let events = Parser::new_ext(text, options).map(|event| match event {
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: lowered(level),
            id: None,
            classes: vec![],
            attrs: vec![],
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lowered(level))),
        event => event,
    });
    let mut made = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut made, events);
    // Cleaned HTML is well-formed, and its tables have no attributes.
    sanitize_page(&made)
        .replace(
            "<table>",
            r#"<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>"#,
        )
        .replace("</table>", "</table></div>")
}

fn lowered(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 | HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => {
            HeadingLevel::H4
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_markdown_can_say_is_there() {
        let html = markdown_to_html(
            "# One\n\n## Two\n\nA *word*, a [link](/pages/returns) and <b>another</b>.\n\n- x\n- ~~y~~\n\n---\n\n`code`",
        );
        for part in [
            "<h2>One</h2>",
            "<h3>Two</h3>",
            "<em>word</em>",
            r#"<a href="/pages/returns">link</a>"#,
            "<b>another</b>",
            "<li>x</li>",
            "<del>y</del>",
            "<hr>",
            "<code>code</code>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn a_table_can_be_scrolled_by_keyboard() {
        let html = markdown_to_html("| a | b |\n| --- | ---: |\n| 1 | 2 |\n");
        let start =
            r#"<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead>"#;
        assert!(html.starts_with(start), "{html}");
        assert!(html.ends_with("</table></div>"), "{html}");
        assert!(!html.contains("style"), "{html}");
    }

    #[test]
    fn no_link_leads_elsewhere_than_it_looks_and_nothing_runs() {
        for bad in [
            "[x](javascript:alert(1))",
            "[x](//evil.example)",
            r"<a href='/\evil.example'>x</a>",
            "[x](data:text/html,x)",
            "<script>alert(1)</script>",
            "<a href='/' onclick='alert(1)'>x</a>",
            "<img src=x onerror=alert(1)>",
            "<style>*{display:none}</style>",
            "<iframe src=https://evil.example></iframe>",
            "[x](relative)",
        ] {
            let html = markdown_to_html(bad).to_lowercase();
            for word in
                ["script", "evil", "data:", "onclick", "onerror", "style", "iframe", "relative"]
            {
                assert!(!html.contains(word), "{bad} made {html}");
            }
        }
        let good = markdown_to_html("<https://a.example> [m](mailto:a@b.example)");
        assert!(good.contains(r#"href="https://a.example""#) && good.contains("mailto:"), "{good}");
    }

    proptest! {
        #[test]
        fn whatever_is_written_what_is_shown_is_clean(text in "(\\PC|\n|[<>\\[\\]()#*`|-]){0,200}") {
            let html = markdown_to_html(&text);
            let bare = html
                .replace(r#"<div class="scroll" tabindex="0" role="region" aria-label="Table">"#, "")
                .replace("</table></div>", "</table>");
            prop_assert_eq!(sanitize_page(&bare), bare);
            prop_assert_eq!(html.matches("<div").count(), html.matches("</div>").count());
        }
    }
}
