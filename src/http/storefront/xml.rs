//! XML as feeds and maps are written in.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes one document, an element on a line.
pub struct Xml<'a>(Writer<&'a mut dyn Write>);

impl<'a> Xml<'a> {
    pub fn new(out: &'a mut dyn Write) -> io::Result<Xml<'a>> {
        let mut writer = Writer::new(out);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        Ok(Xml(writer))
    }

    /// An element with others in it.
    pub fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        fill: impl FnOnce(&mut Xml<'a>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.begin(name, attributes)?;
        fill(self)?;
        self.0.get_mut().write_all(b"\n")?;
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    /// An element with text in it.
    pub fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.text_with(name, &[], text)
    }

    pub fn text_with(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        text: &str,
    ) -> io::Result<()> {
        self.begin(name, attributes)?;
        self.0.write_event(Event::Text(BytesText::new(&readable(text))))?;
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    /// An element with nothing in it.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.0.get_mut().write_all(b"\n")?;
        self.0.write_event(Event::Empty(start(name, attributes)))
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.0.get_mut().write_all(b"\n")?;
        self.0.write_event(Event::Start(start(name, attributes)))
    }
}

fn start<'n>(name: &'n str, attributes: &[(&str, &str)]) -> BytesStart<'n> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        start.push_attribute((*name, &*readable(value)));
    }
    start
}

/// The text without what no XML document can hold, however it is escaped (XML 1.0, section 2.2).
fn readable(text: &str) -> Cow<'_, str> {
    let is_char = |c: char| !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    if text.chars().all(is_char) {
        return text.into();
    }
    text.chars().filter(|c| is_char(*c)).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(attribute: &str, text: &str) -> String {
        let mut bytes = Vec::new();
        let out: &mut dyn Write = &mut bytes;
        let mut xml = Xml::new(out).unwrap();
        let root = xml.element("root", &[("is", attribute)], |xml| {
            xml.empty("nothing", &[])?;
            xml.text("leaf", text)
        });
        root.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn read(xml: &str) -> (String, String) {
        let document =
            roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        let root = document.root_element();
        let leaf = root.children().find(|node| node.has_tag_name("leaf")).unwrap();
        (root.attribute("is").unwrap().into(), leaf.text().unwrap_or_default().into())
    }

    #[test]
    fn an_element_stands_on_a_line() {
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<root is=\"a\">\n<nothing/>\n<leaf>x &lt; y</leaf>\n</root>";
        assert_eq!(written("a", "x < y"), expected);
        assert_eq!(read(&written("\u{b}\0a", "\u{ffff}x\u{1f}")), ("a".into(), "x".into()));
    }

    proptest! {
        #[test]
        fn whatever_is_written_an_independent_reader_reads(text in "\\PC{0,40}", any in any::<String>()) {
            prop_assert_eq!(read(&written(&text, &text)), (text.clone(), text));
            read(&written(&any, &any));
        }
    }
}
