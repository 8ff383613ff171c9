//! The OpenAPI document: what it names is there, what is there it names, and all of it is explained.
//! Whether answers look as it says is tried by the walk beside this.

use crate::goods::text;
use crate::testshop::{Answer, TestShop};
use regex::Regex;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The OpenAPI document, asked like a client would.
pub struct Document(Value);

impl Document {
    pub async fn of(shop: &TestShop) -> Document {
        Document(shop.get("/openapi.json").send().await.expect(200).json())
    }

    /// Every operation: method, template and what is said of it.
    pub fn operations(&self) -> Vec<(Method, String, &Value)> {
        let paths = self.0["paths"].as_object().unwrap();
        let mut all = Vec::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                all.push((method, path.clone(), operation));
            }
        }
        all
    }

    /// What `value` or what it refers to says.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(target) => {
                let pointer = target.strip_prefix('#').unwrap();
                self.resolve(self.0.pointer(pointer).unwrap_or_else(|| panic!("{target}")))
            }
            None => value,
        }
    }

    /// Panics unless the answer is one that the document describes for the operation.
    #[track_caller]
    pub fn describes(&self, method: &str, template: &str, answer: &Answer) {
        let place = format!("{method} {template} {}", answer.status);
        let given = answer.header("content-type").split(';').next().unwrap_or_default().trim();
        let Some(schema) = self.content(method, template, answer.status, given) else {
            assert!(answer.bytes.is_empty(), "{place}: {}", answer.text());
            return;
        };
        let is_json = given.ends_with("json");
        let body = if is_json { answer.json() } else { answer.text().into() };
        let faults = self.faults(schema, &body, "");
        assert!(faults.is_empty(), "{place}: {faults:#?}\n{body:#}");
    }

    /// The schema of an answer of this status and media type, `None` where it has no body. Panics
    /// where there may be no such answer.
    #[track_caller]
    pub fn content(&self, method: &str, template: &str, status: u16, kind: &str) -> Option<&Value> {
        let operation = &self.0["paths"][template][method];
        assert!(operation.is_object(), "{method} {template} is not documented");
        let response = self.resolve(&operation["responses"][status.to_string()]);
        let place = format!("{method} {template} {status}");
        assert!(response.is_object(), "{place} is not documented");
        let content = response["content"].as_object()?;
        let content = content.get(kind).unwrap_or_else(|| panic!("{place}: {kind}"));
        Some(&content["schema"])
    }

    /// Panics unless `value` is what the schema of this name says.
    #[track_caller]
    pub fn is_a(&self, name: &str, value: &Value) {
        let faults = self.faults(&self.0["components"]["schemas"][name], value, "");
        assert!(faults.is_empty(), "{name}: {faults:#?}\n{value:#}");
    }

    /// Where `value` is not what `schema` says. Members that are not named are faults, unless any
    /// are allowed.
    fn faults(&self, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        let schema = self.resolve(schema);
        let mut faults = Vec::new();
        let mut fault = |what: String| faults.push(format!("{place}: {what}"));
        // A schema that says nothing would let everything pass.
        assert!(schema.as_object().is_some_and(|own| !own.is_empty()), "{place}: no schema");
        for kind in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[kind].as_array() {
                let fits = |choice: &&Value| self.faults(choice, value, place).is_empty();
                let fitting = choices.iter().filter(fits).count();
                if fitting == 0 || (kind == "oneOf" && fitting > 1) {
                    fault(format!("{fitting} of {kind} fit {value}"));
                }
            }
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => vec![],
        };
        let is = |name: &&str| match *name {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            other => panic!("{place}: the type {other}"),
        };
        if !types.is_empty() && !types.iter().any(is) {
            fault(format!("{value} is none of {types:?}"));
            return faults;
        }
        if let Some(choices) = schema["enum"].as_array()
            && !choices.contains(value)
        {
            fault(format!("{value} is none of {choices:?}"));
        }
        if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
            && !Regex::new(pattern).unwrap().is_match(text)
        {
            fault(format!("{text} does not match {pattern}"));
        }
        if let (Some(items), Some("date-time")) = (value.as_str(), schema["format"].as_str())
            && !(items.ends_with('Z') && items.parse::<jiff::Timestamp>().is_ok())
        {
            fault(format!("{items} is no time in UTC"));
        }
        if let Some(items) = value.as_array().filter(|_| schema["items"].is_object()) {
            for (place_in, item) in items.iter().enumerate() {
                faults.extend(self.faults(&schema["items"], item, &format!("{place}/{place_in}")));
            }
        }
        if let Some(members) = value.as_object() {
            faults.extend(self.member_faults(schema, members, place));
        }
        faults
    }

    fn member_faults(
        &self,
        schema: &Value,
        members: &Map<String, Value>,
        place: &str,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                faults.push(format!("{place}/{name} is required and not there"));
            }
        }
        let Some(known) = schema["properties"].as_object() else { return faults };
        for (name, value) in members {
            let place = format!("{place}/{name}");
            match (known.get(name), &schema["additionalProperties"]) {
                (Some(schema), _) => faults.extend(self.faults(schema, value, &place)),
                (None, Value::Null | Value::Bool(false)) => {
                    faults.push(format!("{place} is not documented"));
                }
                (None, Value::Bool(true)) => {}
                (None, schema) => faults.extend(self.faults(schema, value, &place)),
            }
        }
        faults
    }
}

/// The template with something in place of its parameters that names nothing.
fn probe(template: &str) -> String {
    let segment = |part: &str| if part.starts_with('{') { "nothing" } else { part }.to_owned();
    template.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_is_there_and_takes_no_other_method() {
    let shop = TestShop::open().await;
    let document = Document::of(&shop).await;
    assert!(text(&document.0, "openapi").starts_with("3.1"));
    let operations = document.operations();
    for (method, template, operation) in &operations {
        let path = probe(template);
        let answer = shop.request(method.clone(), &path).send().await;
        assert_ne!(answer.status, 405, "{method} {template}");
        assert!(answer.status < 500, "{method} {template}: {}", answer.text());
        if answer.status == 404 {
            let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
            assert!(!detail.contains("page or endpoint"), "{method} {template} is not routed");
        }
        let ways = operation["security"].as_array().map(Vec::as_slice).unwrap_or_default();
        // An empty way in is one without a token.
        let secured = !ways.is_empty() && !ways.contains(&json!({}));
        assert_eq!(answer.status == 401, secured, "{method} {template}: {}", answer.text());
        let kind = method.as_str().to_lowercase();
        document.describes(&kind, template, &answer);
        let mut methods: BTreeSet<String> = operations
            .iter()
            .filter(|(_, other, _)| other == template)
            .map(|(method, ..)| method.to_string())
            .collect();
        if methods.contains("GET") {
            methods.insert("HEAD".into());
        }
        let made_up = Method::from_bytes(b"MADEUP").unwrap();
        let refused = shop.request(made_up, &path).send().await.expect(405);
        let allowed = refused.header("allow").split(',').map(|name| name.trim().to_owned());
        assert_eq!(allowed.collect::<BTreeSet<_>>(), methods, "{template}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_explained() {
    let shop = TestShop::open().await;
    let document = Document::of(&shop).await;
    let tags: Vec<&str> =
        document.0["tags"].as_array().unwrap().iter().map(|tag| text(tag, "name")).collect();
    let mut ids = BTreeSet::new();
    for (method, template, operation) in document.operations() {
        let place = format!("{method} {template}");
        assert!(!text(operation, "summary").is_empty(), "{place}");
        assert!(tags.contains(&operation["tags"][0].as_str().unwrap()), "{place}");
        assert!(ids.insert((text(operation, "operationId").to_owned(), place.clone())), "{place}");
        let named: BTreeSet<&str> = template
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let given = parameters.iter().filter(|own| own["in"] == "path");
        assert_eq!(given.map(|own| text(own, "name")).collect::<BTreeSet<_>>(), named, "{place}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with('2') || status == "302"),
            "{place}"
        );
        for (status, response) in responses {
            let response = document.resolve(response);
            let is_empty = response["content"].as_object().is_none_or(Map::is_empty);
            assert_eq!(
                is_empty,
                ["204", "302", "303", "304"].contains(&status.as_str()),
                "{place} {status}"
            );
            for content in response["content"].as_object().into_iter().flat_map(Map::values) {
                assert!(document.resolve(&content["schema"]).is_object(), "{place}");
            }
        }
    }
    // Every reference leads somewhere.
    let whole = document.0.to_string();
    for (at, _) in whole.match_indices("\"$ref\":\"#") {
        let target = whole[at + 9..].split('"').next().unwrap();
        assert!(document.0.pointer(target).is_some(), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_what_its_schema_says() {
    let shop = TestShop::open().await;
    let document = Document::of(&shop).await;
    let mut examples = 0;
    let mut check = |schema: &Value, place: &str| {
        let named = schema["examples"].as_array().cloned().unwrap_or_default();
        let single = schema.get("example").cloned();
        for example in named.into_iter().chain(single) {
            let faults = document.faults(schema, &example, place);
            assert!(faults.is_empty(), "{faults:#?}");
            examples += 1;
        }
    };
    for (name, schema) in document.0["components"]["schemas"].as_object().unwrap() {
        check(schema, name);
        for (field, own) in schema["properties"].as_object().into_iter().flatten() {
            check(own, &format!("{name}.{field}"));
        }
    }
    for (method, template, operation) in document.operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            check(&parameter["schema"], &format!("{method} {template}"));
        }
    }
    assert!(examples > 20, "{examples}");
}
