//! Checks input against the very schema that the OpenAPI document shows: one truth, no second list
//! of rules.
//!
//! A schema is compiled once from its JSON form. [`Rule::check`] walks a value and names every fault
//! at once. Faults of shape (unknown or missing fields, wrong types) and faults against a rule
//! (lengths, ranges, patterns, formats) are kept apart, for the first kind is a 400 and the second a
//! 422. A keyword that is not enforced here does not compile, so no documented rule is left out.

use super::problem::ApiError;
use crate::domain::address::is_country;
use crate::domain::catalog::{Fault, is_handle};
use crate::domain::money::Currency;
use crate::domain::staff::is_email;
use crate::domain::{ProductId, Sku};
use regex::Regex;
use serde_json::{Map, Number, Value};
use std::fmt;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// How many faults one answer lists at most: enough for any form, a bound for a hostile body.
const MOST_FAULTS: usize = 256;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
    of_shape: bool,
}

impl Faults {
    /// The input does not look as it should.
    pub fn shape(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.of_shape = true;
        self.rule(pointer, detail);
    }

    /// The input looks right and breaks a rule.
    pub fn rule(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        let fault = Fault { pointer: pointer.into(), detail: detail.into() };
        if self.list.len() < MOST_FAULTS && !self.list.contains(&fault) {
            self.list.push(fault);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The faults of a body: 400 where its shape is wrong, else 422.
    pub fn into_body_result(self) -> Result<(), ApiError> {
        match (self.list.is_empty(), self.of_shape) {
            (true, _) => Ok(()),
            (false, true) => Err(ApiError::InvalidBody(self.list)),
            (false, false) => Err(ApiError::InvalidValue(self.list)),
        }
    }

    /// The faults of a query: always 400.
    pub fn into_query_result(self) -> Result<(), ApiError> {
        if self.list.is_empty() { Ok(()) } else { Err(ApiError::InvalidQuery(self.list)) }
    }
}

/// Where in the input the walk is; made into text only for a fault.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

/// The JSON pointer of the place (RFC 6901).
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Member(above, name) => {
                write!(f, "{above}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Place::Item(above, index) => write!(f, "{above}/{index}"),
        }
    }
}

/// A schema, ready to check values.
#[derive(Debug, Default)]
pub struct Rule {
    types: Types,
    choices: Option<Vec<Value>>,
    string: StringRule,
    number: NumberRule,
    array: ArrayRule,
    object: ObjectRule,
    one_of: Vec<Rule>,
}

#[derive(Debug, Default)]
struct StringRule {
    shortest: Option<u64>,
    longest: Option<u64>,
    pattern: Option<Regex>,
    format: Option<String>,
}

#[derive(Debug, Default)]
struct NumberRule {
    least: Option<f64>,
    most: Option<f64>,
}

#[derive(Debug, Default)]
struct ArrayRule {
    fewest: Option<u64>,
    most: Option<u64>,
    items: Option<Box<Rule>>,
}

#[derive(Debug, Default)]
struct ObjectRule {
    fields: Vec<Field>,
    others: Others,
    most: Option<u64>,
}

#[derive(Debug)]
struct Field {
    name: String,
    rule: Rule,
    required: bool,
}

/// Members that the schema does not name.
#[derive(Debug, Default)]
enum Others {
    #[default]
    Anything,
    Refused,
    Each(Box<Rule>),
}

/// The JSON types that are taken, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Types(u8);

impl Types {
    const NULL: u8 = 1;
    const BOOLEAN: u8 = 2;
    const INTEGER: u8 = 4;
    const NUMBER: u8 = 8;
    const STRING: u8 = 16;
    const ARRAY: u8 = 32;
    const OBJECT: u8 = 64;

    const NAMES: [(u8, &str, &str); 7] = [
        (Types::STRING, "string", "a string"),
        (Types::INTEGER, "integer", "a whole number"),
        (Types::NUMBER, "number", "a number"),
        (Types::BOOLEAN, "boolean", "true or false"),
        (Types::ARRAY, "array", "a list"),
        (Types::OBJECT, "object", "an object"),
        (Types::NULL, "null", "null"),
    ];

    fn named(name: &str) -> Result<u8, String> {
        let found = Types::NAMES.iter().find(|(_, own, _)| *own == name);
        found.map(|(bit, _, _)| *bit).ok_or_else(|| format!("unknown type {name:?}"))
    }

    /// No type at all means any.
    fn takes(self, bit: u8) -> bool {
        self.0 == 0 || self.0 & bit != 0
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Types::NAMES.iter().filter(|(bit, _, _)| self.0 & bit != 0);
        let names: Vec<&str> = names.map(|(_, _, name)| *name).collect();
        f.write_str(&names.join(" or "))
    }
}

/// Keywords that only describe.
const NOTES: [&str; 11] = [
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "propertyNames",
    "contentMediaType",
    "contentEncoding",
];

impl Rule {
    /// The rule of a type that the document shows as `T`.
    pub fn of<T: ToSchema>() -> Result<Rule, String> {
        let mut parts = Vec::new();
        T::schemas(&mut parts);
        Rule::from_openapi(&<T as PartialSchema>::schema(), &parts)
    }

    /// The rule of a generated schema; `parts` are the components that it may refer to.
    pub fn from_openapi(
        schema: &RefOr<Schema>,
        parts: &[(String, RefOr<Schema>)],
    ) -> Result<Rule, String> {
        let json = |schema: &RefOr<Schema>| {
            serde_json::to_value(schema).map_err(|error| error.to_string())
        };
        let mut components = Map::new();
        for (name, part) in parts {
            components.insert(name.clone(), json(part)?);
        }
        Rule::compile(&json(schema)?, &components, 0)
    }

    /// The rule of a schema in JSON form.
    pub fn compile(
        schema: &Value,
        components: &Map<String, Value>,
        level: usize,
    ) -> Result<Rule, String> {
        if level > 16 {
            return Err("the schema refers to itself".into());
        }
        let Value::Object(keywords) = schema else { return Err(format!("no schema: {schema}")) };
        if let Some(target) = keywords.get("$ref").and_then(Value::as_str) {
            let name = target.rsplit('/').next().unwrap_or_default();
            let part = components.get(name).ok_or_else(|| format!("unknown part {name}"))?;
            return Rule::compile(part, components, level + 1);
        }
        let below = |schema: &Value| Rule::compile(schema, components, level + 1);
        let mut rule = Rule::default();
        for (keyword, value) in keywords {
            let wrong = || format!("{keyword} cannot be {value}");
            let whole = || value.as_u64().map(Some).ok_or_else(wrong);
            match keyword.as_str() {
                "type" => {
                    rule.types.0 = match value {
                        Value::String(name) => Types::named(name)?,
                        Value::Array(names) => names
                            .iter()
                            .map(|name| Types::named(name.as_str().unwrap_or_default()))
                            .try_fold(0, |all, bit| bit.map(|bit| all | bit))?,
                        _ => return Err(wrong()),
                    }
                }
                "enum" => rule.choices = Some(value.as_array().ok_or_else(wrong)?.clone()),
                "const" => rule.choices = Some(vec![value.clone()]),
                "minLength" => rule.string.shortest = whole()?,
                "maxLength" => rule.string.longest = whole()?,
                "pattern" => {
                    let pattern = value.as_str().ok_or_else(wrong)?;
                    rule.string.pattern = Some(Regex::new(pattern).map_err(|e| e.to_string())?);
                }
                "format" => rule.string.format = value.as_str().map(str::to_owned),
                "minimum" => rule.number.least = value.as_f64(),
                "maximum" => rule.number.most = value.as_f64(),
                "minItems" => rule.array.fewest = whole()?,
                "maxItems" => rule.array.most = whole()?,
                "items" => rule.array.items = Some(Box::new(below(value)?)),
                "maxProperties" => rule.object.most = whole()?,
                "additionalProperties" => {
                    rule.object.others = match value {
                        Value::Bool(true) => Others::Anything,
                        Value::Bool(false) => Others::Refused,
                        schema => Others::Each(Box::new(below(schema)?)),
                    }
                }
                "properties" => {
                    let required = keywords.get("required").and_then(Value::as_array);
                    for (name, schema) in value.as_object().ok_or_else(wrong)? {
                        let required = required
                            .is_some_and(|all| all.iter().any(|own| own.as_str() == Some(name)));
                        let field = Field { name: name.clone(), rule: below(schema)?, required };
                        rule.object.fields.push(field);
                    }
                }
                "required" => {}
                "oneOf" | "anyOf" => {
                    let schemas = value.as_array().ok_or_else(wrong)?;
                    rule.one_of = schemas.iter().map(below).collect::<Result<_, _>>()?;
                }
                note if NOTES.contains(&note) || note.starts_with("x-") => {}
                other => return Err(format!("the keyword {other:?} is not enforced")),
            }
        }
        // Shown as a choice between types, a choice of rules takes all of theirs.
        if !rule.one_of.is_empty() && rule.types.0 == 0 {
            rule.types.0 = rule.one_of.iter().fold(0, |all, one| all | one.types.0);
        }
        Ok(rule)
    }

    /// Walks `value` and adds every fault. Whole numbers written otherwise (`2.0`, `1e3`) are made
    /// plain on the way, for to a schema they are the same numbers.
    pub fn check(&self, value: &mut Value, place: Place<'_>, faults: &mut Faults) {
        if !self.takes_type_of(value) {
            return faults.shape(place.to_string(), format!("must be {}", self.types));
        }
        if !self.one_of.is_empty() {
            return self.check_choice(value, place, faults);
        }
        if let Some(choices) = &self.choices
            && !choices.contains(value)
        {
            let known: Vec<String> = choices.iter().map(plain).collect();
            return faults.rule(place.to_string(), format!("must be one of: {}", known.join(", ")));
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.check_number(number, place, faults),
            Value::String(text) => {
                if let Some(detail) = self.string.fault_in(text) {
                    faults.rule(place.to_string(), detail);
                }
            }
            Value::Array(items) => {
                self.array.check_length(items.len(), place, faults);
                if let Some(rule) = &self.array.items {
                    for (index, item) in items.iter_mut().enumerate() {
                        rule.check(item, Place::Item(&place, index), faults);
                    }
                }
            }
            Value::Object(members) => self.object.check(members, place, faults),
        }
    }

    fn takes_type_of(&self, value: &Value) -> bool {
        match value {
            Value::Null => self.types.takes(Types::NULL),
            Value::Bool(_) => self.types.takes(Types::BOOLEAN),
            Value::String(_) => self.types.takes(Types::STRING),
            Value::Array(_) => self.types.takes(Types::ARRAY),
            Value::Object(_) => self.types.takes(Types::OBJECT),
            Value::Number(number) => {
                self.types.takes(Types::NUMBER)
                    || (self.types.takes(Types::INTEGER) && is_whole(number.as_str()))
            }
        }
    }

    fn check_choice(&self, value: &mut Value, place: Place<'_>, faults: &mut Faults) {
        let mut fitting = self.one_of.iter().filter(|rule| rule.takes_type_of(value));
        let (Some(first), next) = (fitting.next(), fitting.next()) else {
            return faults.shape(place.to_string(), format!("must be {}", self.types));
        };
        if next.is_some() {
            let passes = |rule: &Rule| {
                let mut faults = Faults::default();
                rule.check(&mut value.clone(), place, &mut faults);
                faults.is_empty()
            };
            if let Some(rule) = self.one_of.iter().find(|rule| passes(rule)) {
                return rule.check(value, place, faults);
            }
        }
        first.check(value, place, faults);
    }

    fn check_number(&self, number: &mut Number, place: Place<'_>, faults: &mut Faults) {
        if self.types.takes(Types::INTEGER) && !self.types.takes(Types::NUMBER) {
            match whole(number.as_str()) {
                Some(plain) => *number = plain.into(),
                None => return faults.rule(place.to_string(), "is too large"),
            }
        } else if self.string.format.as_deref() == Some("decimal")
            && number.as_str().contains(['e', 'E'])
        {
            return faults.rule(place.to_string(), "must be written without an exponent");
        }
        // Bounds are small whole numbers; that alone is compared as floating-point.
        let size = number.as_f64().unwrap_or(f64::MAX);
        let NumberRule { least, most } = &self.number;
        if least.is_some_and(|least| size < least) || most.is_some_and(|most| size > most) {
            faults.rule(place.to_string(), between("must be", *least, *most, ""));
        }
    }

    /// Makes a value of the text of a query parameter; `None` where it cannot be one.
    pub fn value_of_text(&self, text: &str) -> Option<Value> {
        if self.types.takes(Types::STRING) {
            return Some(Value::String(text.to_owned()));
        }
        let value = super::parse::parse(text.as_bytes()).ok()?;
        let plain = matches!(value, Value::Number(_) | Value::Bool(_));
        (plain && !text.starts_with(' ') && !text.ends_with(' ')).then_some(value)
    }
}

impl StringRule {
    fn fault_in(&self, text: &str) -> Option<String> {
        let length = text.chars().count() as u64;
        let StringRule { shortest, longest, pattern, format } = self;
        if shortest.is_some_and(|least| length < least) || longest.is_some_and(|most| length > most)
        {
            if (*shortest, length) == (Some(1), 0) {
                return Some("must not be empty".into());
            }
            let (least, most) = (shortest.map(|n| n as f64), longest.map(|n| n as f64));
            return Some(between("must have", least, most, " characters"));
        }
        // What cannot be stored or shown is not text to us.
        if text.contains('\0') {
            return Some("must not contain NUL".into());
        }
        if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            return Some(format!("must match {pattern}"));
        }
        format.as_deref().and_then(|format| format_fault(format, text)).map(str::to_owned)
    }
}

/// What a named format refuses. Formats that are not named here only describe.
fn format_fault(format: &str, text: &str) -> Option<&'static str> {
    let (good, detail) = match format {
        "email" => (is_email(text), "must be an e-mail address"),
        "country-code" => (is_country(text), "must be a country of ISO 3166-1, such as US"),
        "currency-code" => {
            (Currency::from_code(text).is_some(), "must be a currency of ISO 4217, such as USD")
        }
        "handle" => {
            (is_handle(text), "must be 1 to 255 lower-case letters, digits and single hyphens")
        }
        "sku" => (
            text.parse::<Sku>().is_ok(),
            "must be 1 to 64 printable characters without leading or trailing blanks",
        ),
        "not-blank" => (!text.trim().is_empty(), "must not be blank"),
        "product-id" => (text.parse::<ProductId>().is_ok(), "must be a product's id"),
        "uri-reference" => {
            let blank = |c: char| c.is_whitespace() || c.is_control();
            let web = ["https://", "http://"].iter().any(|scheme| {
                text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                    && text.len() > scheme.len()
            });
            let local = text.starts_with('/') && !text.starts_with("//");
            ((web || local) && !text.contains(blank), "must be an http or https address")
        }
        "date-time" => {
            (text.parse::<jiff::Timestamp>().is_ok(), "must be a time such as 2026-10-26T10:00:00Z")
        }
        _ => (true, ""),
    };
    (!good).then_some(detail)
}

impl ArrayRule {
    fn check_length(&self, length: usize, place: Place<'_>, faults: &mut Faults) {
        let length = length as u64;
        if self.fewest.is_some_and(|least| length < least)
            || self.most.is_some_and(|most| length > most)
        {
            let (least, most) = (self.fewest.map(|n| n as f64), self.most.map(|n| n as f64));
            faults.rule(place.to_string(), between("must have", least, most, " items"));
        }
    }
}

impl ObjectRule {
    fn check(&self, members: &mut Map<String, Value>, place: Place<'_>, faults: &mut Faults) {
        for field in &self.fields {
            match members.get_mut(&field.name) {
                Some(value) => {
                    field.rule.check(value, Place::Member(&place, &field.name), faults);
                }
                None if field.required => {
                    faults.shape(Place::Member(&place, &field.name).to_string(), "is required");
                }
                None => {}
            }
        }
        if let Some(most) = self.most.filter(|most| members.len() as u64 > *most) {
            faults.rule(place.to_string(), format!("must have at most {most} members"));
        }
        if matches!(self.others, Others::Anything) {
            return;
        }
        for (name, value) in members {
            if self.fields.iter().any(|field| field.name == *name) {
                continue;
            }
            let here = Place::Member(&place, name);
            match &self.others {
                Others::Each(rule) => rule.check(value, here, faults),
                Others::Refused | Others::Anything => {
                    faults.shape(here.to_string(), "is not a known field");
                }
            }
        }
    }
}

/// `must be from 1 to 100`, `must have at most 64 characters`.
fn between(what: &str, least: Option<f64>, most: Option<f64>, unit: &str) -> String {
    match (least, most) {
        (Some(least), Some(most)) if least == most => format!("{what} exactly {least}{unit}"),
        (Some(least), Some(most)) => format!("{what} from {least} to {most}{unit}"),
        (Some(least), None) => format!("{what} at least {least}{unit}"),
        (None, Some(most)) => format!("{what} at most {most}{unit}"),
        (None, None) => String::new(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether the text of a JSON number is mathematically whole.
fn is_whole(text: &str) -> bool {
    whole_digits(text).is_some()
}

/// The whole number that the text of a JSON number is; `None` beyond 64 bits.
fn whole(text: &str) -> Option<i64> {
    let (negative, digits, zeros) = whole_digits(text)?;
    if digits.is_empty() {
        return Some(0);
    }
    if digits.len() + zeros > 19 {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    format!("{sign}{digits}{}", "0".repeat(zeros)).parse().ok()
}

/// Sign, digits without leading or trailing zeros, and how many zeros follow; `None` for a fraction.
fn whole_digits(text: &str) -> Option<(bool, String, usize)> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return Some((negative, String::new(), 0));
    }
    // An exponent that does not fit is a number beyond any use: too large, or a fraction.
    let exponent: i64 = match exponent.trim_start_matches('+').parse() {
        Ok(exponent) => exponent,
        Err(_) if exponent.starts_with('-') => return None,
        Err(_) => i64::from(i32::MAX),
    };
    let zeros = exponent.saturating_sub(fraction.len() as i64) + (digits.len() - kept.len()) as i64;
    let zeros = usize::try_from(zeros).ok()?;
    Some((negative, kept.trim_start_matches('0').to_owned(), zeros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse::parse;
    use proptest::prelude::*;
    use serde_json::json;

    fn rule(schema: Value) -> Rule {
        Rule::compile(&schema, &Map::new(), 0).unwrap()
    }

    /// Pointers and details of all faults, and whether any is one of shape.
    fn faults(schema: Value, text: &str) -> (Vec<(String, String)>, bool) {
        let mut faults = Faults::default();
        rule(schema).check(&mut parse(text.as_bytes()).unwrap(), Place::Root, &mut faults);
        let list = faults.list.into_iter().map(|fault| (fault.pointer, fault.detail)).collect();
        (list, faults.of_shape)
    }

    fn detail(schema: Value, text: &str) -> Option<String> {
        faults(schema, text).0.pop().map(|(_, detail)| detail)
    }

    #[test]
    fn every_fault_is_named_at_once_with_its_place() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["sku", "quantity"],
            "properties": {
                "sku": { "type": "string", "minLength": 1 },
                "quantity": { "type": "integer", "minimum": 1, "maximum": 9 },
                "a/b~c": { "type": "array", "items": { "type": "boolean" } },
            },
        });
        let (list, of_shape) =
            faults(schema, r#"{ "quantity": 10, "a/b~c": [true, 1], "colour": "red" }"#);
        let expected = [
            ("/a~1b~0c/1", "must be true or false"),
            ("/quantity", "must be from 1 to 9"),
            ("/sku", "is required"),
            ("/colour", "is not a known field"),
        ];
        let mut list: Vec<(&str, &str)> =
            list.iter().map(|(pointer, detail)| (pointer.as_str(), detail.as_str())).collect();
        let mut expected = expected.to_vec();
        list.sort();
        expected.sort();
        assert_eq!(list, expected);
        assert!(of_shape);
    }

    #[test]
    fn a_broken_rule_alone_is_no_fault_of_shape() {
        let (list, of_shape) = faults(json!({ "type": "string", "maxLength": 2 }), "\"abc\"");
        assert_eq!(list, [(String::new(), "must have at most 2 characters".to_owned())]);
        assert!(!of_shape);
    }

    #[test]
    fn each_keyword_is_enforced() {
        let string = |keyword: &str, value: Value| json!({ "type": "string", keyword: value });
        assert!(detail(string("minLength", json!(2)), "\"ö\"").is_some());
        assert!(detail(string("maxLength", json!(1)), "\"ö\"").is_none());
        assert!(detail(string("pattern", json!("^a$")), "\"ab\"").is_some());
        assert!(detail(string("enum", json!(["a", "b"])), "\"c\"").unwrap().ends_with("a, b"));
        assert!(detail(string("format", json!("email")), "\"ada\"").is_some());
        assert!(detail(string("format", json!("country-code")), "\"us\"").is_some());
        assert!(detail(string("format", json!("currency-code")), "\"ZZZ\"").is_some());
        assert!(detail(string("format", json!("uri-reference")), "\"javascript:x\"").is_some());
        assert!(detail(string("format", json!("uri-reference")), "\"//evil.example\"").is_some());
        assert!(detail(string("format", json!("uri-reference")), "\"https://a.b/c\"").is_none());
        let array = |keyword: &str| json!({ "type": "array", keyword: 1 });
        assert!(detail(array("minItems"), "[]").is_some());
        assert!(detail(array("maxItems"), "[1,2]").is_some());
        let object = json!({ "type": "object", "additionalProperties": { "type": "string" }, "maxProperties": 1 });
        assert!(detail(object.clone(), r#"{"a": 1}"#).is_some());
        assert!(detail(object.clone(), r#"{"a": "1", "b": "2"}"#).is_some());
        assert!(detail(object, r#"{"a": "1"}"#).is_none());
        assert!(detail(json!({ "type": ["string", "null"] }), "null").is_none());
        assert!(detail(json!({ "type": "string" }), "null").is_some());
    }

    #[test]
    fn a_choice_is_made_by_type() {
        let schema = json!({ "oneOf": [
            { "type": "number", "format": "decimal", "minimum": 0 },
            { "type": "string", "pattern": "^[0-9]+$" },
            { "type": "null" },
        ]});
        assert_eq!(detail(schema.clone(), "1.5"), None);
        assert_eq!(detail(schema.clone(), "null"), None);
        assert_eq!(detail(schema.clone(), "\"x\"").unwrap(), "must match ^[0-9]+$");
        assert_eq!(detail(schema.clone(), "1e3").unwrap(), "must be written without an exponent");
        assert_eq!(detail(schema.clone(), "-1").unwrap(), "must be at least 0");
        assert_eq!(detail(schema, "[]").unwrap(), "must be a string or a number or null");
    }

    #[test]
    fn a_keyword_that_is_not_enforced_does_not_compile() {
        let schema = json!({ "type": "array", "uniqueItems": true });
        assert!(Rule::compile(&schema, &Map::new(), 0).is_err());
    }

    #[test]
    fn whole_numbers_may_be_written_in_any_way() {
        let schema = || json!({ "type": "integer" });
        for (text, expected) in
            [("2.0", "2"), ("1e3", "1000"), ("-0", "0"), ("120e-1", "12"), ("0e99999999999", "0")]
        {
            let mut value = parse(text.as_bytes()).unwrap();
            let mut faults = Faults::default();
            rule(schema()).check(&mut value, Place::Root, &mut faults);
            assert!(faults.is_empty(), "{text}");
            assert_eq!(value.to_string(), expected);
        }
        for text in ["1.5", "1e-1", "1e-99999999999999999999"] {
            assert_eq!(detail(schema(), text).unwrap(), "must be a whole number", "{text}");
        }
        for text in ["1e19", "1e999999999", "99999999999999999999", "1e99999999999999999999"] {
            assert_eq!(detail(schema(), text).unwrap(), "is too large", "{text}");
        }
    }

    #[test]
    fn a_hostile_body_gets_a_bounded_answer() {
        let text = format!("[{}]", vec!["1"; 10_000].join(","));
        let schema = json!({ "type": "array", "items": { "type": "string" } });
        assert_eq!(faults(schema, &text).0.len(), MOST_FAULTS);
    }

    proptest! {
        #[test]
        fn any_whole_number_is_read_as_it_is(number: i64, fraction in "(\\.0{1,5})?") {
            prop_assert_eq!(whole(&format!("{number}{fraction}")), Some(number));
        }

        #[test]
        fn any_text_is_checked_without_panic(text in ".{0,40}", number in "-?[0-9]{1,30}(\\.[0-9]{1,9})?(e[+-]?[0-9]{1,25})?") {
            let formats = ["email", "country-code", "currency-code", "handle", "sku", "uri-reference", "date-time"];
            for format in formats {
                let _ = format_fault(format, &text);
            }
            let _ = whole(&number);
        }
    }
}
