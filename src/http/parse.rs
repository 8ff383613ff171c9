//! JSON text into a value, strictly: RFC 8259 and nothing beside it, no name twice in one object,
//! no deep nesting, and numbers kept as they were written.
//!
//! serde_json would let a later duplicate win and would make some texts of numbers into others; a
//! price must be neither guessed nor rewritten, so the text is read here.

use serde_json::{Map, Number, Value};

/// How deep arrays and objects may nest.
pub const MOST_LEVELS: usize = 32;

/// Where the text stops being JSON, and why. Lines and columns (in bytes) count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at line {line}, column {column}")]
pub struct ParseError {
    pub what: String,
    pub line: usize,
    pub column: usize,
}

/// Reads the one JSON value that `bytes` are.
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Parser { text: "", at }.error_in(bytes, "invalid UTF-8")
    })?;
    let mut parser = Parser { text, at: 0 };
    parser.skip_blanks();
    let value = parser.value(0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error("more text after the value")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn error(&self, what: impl Into<String>) -> ParseError {
        self.error_in(self.text.as_bytes(), what)
    }

    fn error_in(&self, bytes: &[u8], what: impl Into<String>) -> ParseError {
        let before = &bytes[..self.at.min(bytes.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        ParseError { what: what.into(), line, column: before.len() - start + 1 }
    }

    fn value(&mut self, level: usize) -> Result<Value, ParseError> {
        match self.peek() {
            Some(b'{' | b'[') if level >= MOST_LEVELS => {
                Err(self.error(format!("nested deeper than {MOST_LEVELS} levels")))
            }
            Some(b'{') => self.object(level),
            Some(b'[') => self.array(level),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("the text ends where a value should be")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, ParseError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn array(&mut self, level: usize) -> Result<Value, ParseError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.skip_blanks();
            items.push(self.value(level + 1)?);
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break self.at += 1,
                _ => return Err(self.error("expected ',' or ']'")),
            }
        }
        Ok(Value::Array(items))
    }

    fn object(&mut self, level: usize) -> Result<Value, ParseError> {
        self.at += 1;
        let mut members = Map::new();
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a name in double quotes"));
            }
            let start = self.at;
            let name = self.string()?;
            if members.contains_key(&name) {
                self.at = start;
                return Err(self.error(format!("the name {name:?} comes twice")));
            }
            self.skip_blanks();
            if self.peek() != Some(b':') {
                return Err(self.error("expected ':'"));
            }
            self.at += 1;
            self.skip_blanks();
            let value = self.value(level + 1)?;
            members.insert(name, value);
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break self.at += 1,
                _ => return Err(self.error("expected ',' or '}'")),
            }
        }
        Ok(Value::Object(members))
    }

    fn string(&mut self) -> Result<String, ParseError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            out.push_str(&self.text[start..self.at]);
            match self.next() {
                Some(b'"') => return Ok(out),
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => {
                    self.at -= 1;
                    return Err(self.error("a control character in a string"));
                }
                None => return Err(self.error("the text ends inside a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let c = match self.next() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("an unknown escape")),
        };
        Ok(c)
    }

    fn unicode_escape(&mut self) -> Result<char, ParseError> {
        let first = self.four_hex_digits()?;
        let code = match first {
            0xd800..=0xdbff => {
                if (self.next(), self.next()) != (Some(b'\\'), Some(b'u')) {
                    return Err(self.error("half of a surrogate pair"));
                }
                match self.four_hex_digits()? {
                    second @ 0xdc00..=0xdfff => {
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    _ => return Err(self.error("half of a surrogate pair")),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.error("half of a surrogate pair"))
    }

    fn four_hex_digits(&mut self) -> Result<u32, ParseError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.error("expected four hex digits"))?;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Value, ParseError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.error("expected a digit")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        let text = self.text[start..self.at].to_owned();
        Ok(Value::Number(Number::from_string_unchecked(text)))
    }

    fn some_digits(&mut self) -> Result<(), ParseError> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.error("expected a digit"));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn why(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_name_may_not_come_twice() {
        assert_eq!(why("{\"a\": 1,\n \"a\": 2}"), "the name \"a\" comes twice at line 2, column 2");
        assert!(why("[{\"a\":{\"b\":1,\"\\u0062\":2}}]").starts_with("the name \"b\" comes twice"));
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(nested(MOST_LEVELS).as_bytes()).is_ok());
        assert!(why(&nested(MOST_LEVELS + 1)).starts_with("nested deeper than 32 levels"));
        assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn numbers_keep_their_text() {
        for text in ["1.50", "0.10", "-0", "1e3", "1E+3", "123456789012345678901234567890.5"] {
            let Value::Number(number) = parse(text.as_bytes()).unwrap() else { panic!("{text}") };
            assert_eq!(number.as_str(), text);
        }
    }

    #[test]
    fn a_members_name_is_never_mistaken_for_a_number() {
        let value = parse(br#"{"$serde_json::private::Number": "1"}"#).unwrap();
        assert!(value.is_object());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let bad = [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "NaN",
            "nul",
            "'a'",
            "\"\t\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "1 2",
            "{a:1}",
            "[1 2]",
            "\"a",
            "// c\n1",
            "\u{feff}1",
            "tru",
        ];
        for text in bad {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert_eq!(
            parse(b"[1,\xff]").unwrap_err().to_string(),
            "invalid UTF-8 at line 1, column 4"
        );
    }

    /// The same value, with every number as its text, so that values of both readers compare.
    fn plain(value: &Value) -> String {
        match value {
            Value::Number(number) => number.to_string().replace("e+", "e").replace('E', "e"),
            Value::Array(items) => items.iter().map(|item| plain(item) + ",").collect(),
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(name, _)| *name);
                members.iter().map(|(name, value)| format!("{name:?}:{},", plain(value))).collect()
            }
            other => other.to_string(),
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::String),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let read = parse(text.unwrap().as_bytes()).unwrap();
            prop_assert_eq!(plain(&read), plain(&value));
        }

        #[test]
        fn it_agrees_with_serde_json_on_any_text(text in r#"[\[\]{}:,"\\ntrue0-9.eE+a-f \n-]{0,24}"#) {
            let ours = parse(text.as_bytes());
            match serde_json::from_str::<Value>(&text) {
                Ok(theirs) => match ours {
                    Ok(ours) => prop_assert_eq!(plain(&ours), plain(&theirs)),
                    Err(error) => prop_assert!(error.what.contains("twice"), "{text:?}: {error}"),
                },
                Err(error) => prop_assert!(ours.is_err(), "{text:?}: {error}"),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }
}
