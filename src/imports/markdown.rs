//! Merchants' Markdown made into HTML that may be shown as it is.
//!
//! CommonMark with tables and strikethrough. HTML in it is cleaned like any other, so it may say no
//! more than Markdown can.

use super::html::sanitize_page;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// The HTML of a text. Its headings follow each other below the page's own title, which is the `h1`;
/// tables can be scrolled by keyboard where they are too wide.
pub fn markdown_to_html(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut outline = Outline::default();
    let events = Parser::new_ext(text, options).map(|event| match event {
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: outline.enter(level),
            id: None,
            classes: vec![],
            attrs: vec![],
        }),
        Event::End(TagEnd::Heading(_)) => Event::End(TagEnd::Heading(outline.level())),
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

/// The headings that the text is below, whatever they were written as: some begin with `#`, some
/// with `##`. Screen readers go from heading to heading, and a level that is skipped looks like one
/// that is missing (WCAG 1.3.1).
#[derive(Default)]
struct Outline(Vec<HeadingLevel>);

impl Outline {
    fn enter(&mut self, level: HeadingLevel) -> HeadingLevel {
        while self.0.last().is_some_and(|above| *above >= level) {
            self.0.pop();
        }
        self.0.push(level);
        self.level()
    }

    fn level(&self) -> HeadingLevel {
        match self.0.len() {
            0 | 1 => HeadingLevel::H2,
            2 => HeadingLevel::H3,
            _ => HeadingLevel::H4,
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
    fn headings_follow_each_other_whatever_they_begin_with() {
        let levels = |text: &str| {
            let html = markdown_to_html(text);
            let starts = html.match_indices("<h").map(|(at, _)| html[at + 2..at + 3].to_owned());
            starts.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(levels("## a\n## b\n### c\n## d\n"), "2 2 3 2");
        assert_eq!(levels("# a\n### b\n###### c\n###### d\n## e\n# f\n"), "2 3 4 4 3 2");
        assert_eq!(levels("#### a\n# b\n# c\n"), "2 2 2");
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
