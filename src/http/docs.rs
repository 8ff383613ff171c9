//! `/docs`: the OpenAPI document as one page for people. It is written once at start, needs no
//! script, loads nothing from elsewhere, and so cannot say anything that the document does not.

use super::etag::{EntityTag, is_known};
use super::headers::{Forms, page_policy};
use askama::Template;
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

/// The finished page.
#[derive(Clone, Debug)]
pub struct Docs {
    html: Bytes,
    tag: EntityTag,
    policy: HeaderValue,
}

impl Docs {
    /// Writes the page of a document.
    pub fn new(document: &OpenApi) -> Result<Docs, askama::Error> {
        let json = serde_json::to_value(document).unwrap_or_default();
        let html = Page::new(&json).render()?;
        let policy = page_policy(&html, Forms::Nowhere);
        let html = Bytes::from(html);
        let tag = EntityTag::of_bytes(&html);
        Ok(Docs { html, tag, policy })
    }

    /// The answer to a request for it.
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let known = is_known(request, &self.tag);
        let html = if known { Bytes::new() } else { self.html.clone() };
        let mut response = Response::new(Body::from(html));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.value());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        response
    }
}

#[derive(Template)]
#[template(path = "docs.html")]
struct Page {
    title: String,
    version: String,
    server: String,
    intro: Vec<Paragraph>,
    groups: Vec<Group>,
    schemas: Vec<SchemaView>,
}

struct Group {
    name: String,
    slug: String,
    description: Vec<Paragraph>,
    operations: Vec<OperationView>,
}

struct OperationView {
    slug: String,
    method: String,
    path: String,
    summary: String,
    description: Vec<Paragraph>,
    secured: bool,
    parameters: Vec<FieldView>,
    body: Option<BodyView>,
    responses: Vec<ResponseView>,
    curl: String,
}

struct BodyView {
    media_type: String,
    kind: Vec<Word>,
    required: bool,
}

struct ResponseView {
    status: String,
    class: &'static str,
    description: Paragraph,
    kind: Vec<Word>,
}

/// A parameter, or a field of a schema.
struct FieldView {
    name: String,
    /// Where a parameter stands: `path`, `query`, `header`.
    place: String,
    kind: Vec<Word>,
    required: bool,
    rules: String,
    description: Vec<Paragraph>,
}

struct SchemaView {
    name: String,
    slug: String,
    description: Vec<Paragraph>,
    kind: Vec<Word>,
    fields: Vec<FieldView>,
    example: String,
}

/// A piece of text: plain, or as code, or as a link to a schema on this page.
struct Word {
    text: String,
    link: Option<String>,
    code: bool,
}

type Paragraph = Vec<Word>;

impl Page {
    fn new(document: &Value) -> Page {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
        let server = text(&document["servers"][0]["url"]);
        let mut groups: Vec<Group> = document["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|tag| Group::new(&text(&tag["name"]), &text(&tag["description"])))
            .collect();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if !operation.is_object() {
                    continue;
                }
                let tag = operation["tags"][0].as_str().unwrap_or("Other");
                let view = OperationView::new(method, path, operation, &server, &schemas);
                match groups.iter_mut().find(|group| group.name == tag) {
                    Some(group) => group.operations.push(view),
                    None => {
                        let mut group = Group::new(tag, "");
                        group.operations.push(view);
                        groups.push(group);
                    }
                }
            }
        }
        groups.retain(|group| !group.operations.is_empty());
        Page {
            title: text(&document["info"]["title"]),
            version: text(&document["info"]["version"]),
            server,
            intro: prose(&document["info"]["description"]),
            groups,
            schemas: schemas
                .iter()
                .map(|(name, schema)| SchemaView::new(name, schema, &schemas))
                .collect(),
        }
    }
}

impl Group {
    fn new(name: &str, description: &str) -> Group {
        Group {
            name: name.to_owned(),
            slug: format!("tag-{}", slug(name)),
            description: prose(&description.into()),
            operations: Vec::new(),
        }
    }
}

impl OperationView {
    fn new(
        method: &str,
        path: &str,
        operation: &Value,
        server: &str,
        schemas: &Map<String, Value>,
    ) -> OperationView {
        let parameters: Vec<&Value> =
            operation["parameters"].as_array().into_iter().flatten().collect();
        let content = operation["requestBody"]["content"].as_object();
        let content = content.and_then(|content| content.iter().next());
        let summary = operation["summary"].as_str().unwrap_or_default();
        let secured = operation["security"].as_array().is_some_and(|own| !own.is_empty());
        OperationView {
            slug: format!("{method}-{}", slug(path)),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: summary.trim_end_matches('.').to_owned(),
            description: prose(&operation["description"]),
            secured,
            parameters: parameters.iter().map(|own| FieldView::of_parameter(own)).collect(),
            curl: curl(method, path, &parameters, content, secured, server, schemas),
            body: content.map(|(media_type, content)| BodyView {
                media_type: media_type.clone(),
                kind: kind(&content["schema"]),
                required: operation["requestBody"]["required"] == true,
            }),
            responses: responses(operation),
        }
    }
}

fn responses(operation: &Value) -> Vec<ResponseView> {
    let response = |(status, response): (&String, &Value)| {
        let is_problem = response["$ref"].is_string();
        let schema = response["content"].as_object().and_then(|own| own.values().next());
        ResponseView {
            status: status.clone(),
            class: match status.bytes().next() {
                Some(b'2') => "good",
                Some(b'3') => "same",
                _ => "bad",
            },
            description: match response["description"].as_str() {
                Some(text) => words(text),
                None => words(meaning(status)),
            },
            kind: match (is_problem, schema) {
                (true, _) => vec![linked("Problem")],
                (false, Some(content)) => kind(&content["schema"]),
                (false, None) => vec![],
            },
        }
    };
    let mut all: Vec<ResponseView> =
        operation["responses"].as_object().into_iter().flatten().map(response).collect();
    all.sort_by(|a, b| a.status.cmp(&b.status));
    all
}

/// What a status means here, as in the contract.
fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "As asked for",
        "201" => "Made; `Location` says where",
        "202" => "Begun; `Location` says where it can be followed",
        "204" => "Done; there is no body",
        "304" => "Unchanged since the ETag that was sent",
        "400" => "Malformed, or an unknown field or parameter",
        "401" => "No or bad credentials",
        "403" => "Not allowed",
        "404" => "Not there",
        "409" => "In conflict with its state",
        "412" => "`If-Match` failed",
        "413" => "The body is too large",
        "415" => "The body is of another type",
        "422" => "Well-formed, but against a rule",
        "428" => "`If-Match` is required",
        "429" => "Too many requests",
        "503" => "Busy; try again after `Retry-After`",
        _ => "A problem",
    }
}

impl FieldView {
    fn of_parameter(parameter: &Value) -> FieldView {
        let schema = &parameter["schema"];
        FieldView {
            name: parameter["name"].as_str().unwrap_or_default().to_owned(),
            place: parameter["in"].as_str().unwrap_or_default().to_owned(),
            kind: kind(schema),
            required: parameter["required"] == true,
            rules: rules(schema),
            description: prose(&parameter["description"]),
        }
    }
}

impl SchemaView {
    fn new(name: &str, schema: &Value, schemas: &Map<String, Value>) -> SchemaView {
        let required = |name: &str| {
            let all = schema["required"].as_array().into_iter().flatten();
            all.into_iter().any(|own| own == name)
        };
        let field = |(name, schema): (&String, &Value)| FieldView {
            name: name.clone(),
            place: String::new(),
            kind: kind(schema),
            required: required(name),
            rules: rules(schema),
            description: prose(&schema["description"]),
        };
        let mut fields: Vec<FieldView> =
            schema["properties"].as_object().into_iter().flatten().map(field).collect();
        fields.sort_by_key(|field| !field.required);
        SchemaView {
            name: name.to_owned(),
            slug: format!("schema-{}", slug(name)),
            description: prose(&schema["description"]),
            fields,
            kind: kind(schema),
            example: pretty(&example(schema, schemas, 0, Fields::All)),
        }
    }
}

/// Letters and digits with single hyphens, for anchors.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

fn plain(text: &str) -> Word {
    Word { text: text.to_owned(), link: None, code: false }
}

fn linked(name: &str) -> Word {
    Word { text: name.to_owned(), link: Some(format!("schema-{}", slug(name))), code: false }
}

/// Splits text at backticks into plain words and code.
fn words(text: &str) -> Paragraph {
    let piece = |(i, piece): (usize, &str)| Word { code: i % 2 == 1, ..plain(piece) };
    text.split('`').enumerate().map(piece).filter(|word| !word.text.is_empty()).collect()
}

/// Paragraphs of the little Markdown that our comments use.
fn prose(text: &Value) -> Vec<Paragraph> {
    let text = text.as_str().unwrap_or_default();
    text.split("\n\n").filter(|part| !part.trim().is_empty()).map(words).collect()
}

/// A schema's type in words.
fn kind(schema: &Value) -> Vec<Word> {
    if let Some(target) = schema["$ref"].as_str() {
        return vec![linked(target.rsplit('/').next().unwrap_or_default())];
    }
    let choices = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    if let Some(choices) = choices {
        let mut words = Vec::new();
        for choice in choices {
            if !words.is_empty() {
                words.push(plain(" or "));
            }
            words.extend(kind(choice));
        }
        return words;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        Value::String(name) => vec![name.as_str()],
        _ => vec!["any"],
    };
    if types.contains(&"array") {
        let mut words = vec![plain("list of ")];
        words.extend(kind(&schema["items"]));
        return words;
    }
    let extra = &schema["additionalProperties"];
    if types.contains(&"object") && extra.is_object() {
        let mut words = vec![plain("object of ")];
        words.extend(kind(extra));
        return words;
    }
    let name = types.join(" or ");
    match schema["format"].as_str() {
        Some(format) if !matches!(format, "int32" | "int64" | "double") => {
            vec![plain(&format!("{name} ({format})"))]
        }
        Some(_) | None => vec![plain(&name)],
    }
}

/// The bounds of a schema in words.
fn rules(schema: &Value) -> String {
    let mut rules = Vec::new();
    let number = |name: &str| schema.get(name).map(ToString::to_string);
    let range = |least: Option<String>, most: Option<String>, unit: &str| match (least, most) {
        (Some(least), Some(most)) if least == most => Some(format!("{least}{unit}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (None, None) => None,
    };
    rules.extend(range(number("minimum"), number("maximum"), ""));
    rules.extend(range(number("minLength"), number("maxLength"), " characters"));
    rules.extend(range(number("minItems"), number("maxItems"), " items"));
    if let Some(choices) = schema["enum"].as_array() {
        let choice = |own: &Value| own.as_str().map_or_else(|| own.to_string(), str::to_owned);
        rules.push(choices.iter().map(choice).collect::<Vec<_>>().join(", "));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        rules.push(format!("matches {pattern}"));
    }
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        rules.push(format!("default {default}"));
    }
    rules.join("; ")
}

/// Which fields an example shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    All,
    /// Those that must be given, and those that have an example of their own.
    Telling,
}

/// A value that the schema describes.
fn example(schema: &Value, schemas: &Map<String, Value>, level: usize, fields: Fields) -> Value {
    let given =
        [&schema["example"], &schema["examples"][0], &schema["default"], &schema["enum"][0]];
    if let Some(given) = given.into_iter().find(|value| !value.is_null()) {
        return given.clone();
    }
    if level > 6 {
        return Value::Null;
    }
    if let Some(target) = schema["$ref"].as_str() {
        let part = schemas.get(target.rsplit('/').next().unwrap_or_default());
        return part.map_or(Value::Null, |part| example(part, schemas, level + 1, fields));
    }
    let choices = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    if let Some(choices) = choices {
        let first = choices.iter().find(|choice| choice["type"] != "null");
        return first.map_or(Value::Null, |first| example(first, schemas, level + 1, fields));
    }
    let name = match &schema["type"] {
        Value::Array(types) => types[0].as_str().unwrap_or_default(),
        name => name.as_str().unwrap_or_default(),
    };
    match (name, schema["format"].as_str()) {
        ("string", Some("email")) => "ada@example.com".into(),
        ("string", Some("currency-code")) => "USD".into(),
        ("string", Some("country-code")) => "US".into(),
        ("string", Some("uri-reference")) => "https://example.com/picture.jpg".into(),
        ("string", Some("handle")) => "smartphone-x".into(),
        ("string", Some("sku")) => "SMX-128".into(),
        ("string", _) => "…".into(),
        ("integer", _) => {
            schema.get("minimum").filter(|own| **own != 0).cloned().unwrap_or(json!(1))
        }
        ("number", _) => json!(10),
        ("boolean", _) => true.into(),
        ("array", _) => {
            json!([example(&schema["items"], schemas, level + 1, fields)])
        }
        ("object", _) => {
            let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
            let mut members = Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let telling = required.iter().any(|own| own == name) || !field["example"].is_null();
                if fields == Fields::All || telling {
                    members.insert(name.clone(), example(field, schemas, level + 1, fields));
                }
            }
            Value::Object(members)
        }
        _ => Value::Null,
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A call of the endpoint that can be pasted into a shell.
fn curl(
    method: &str,
    path: &str,
    parameters: &[&Value],
    content: Option<(&String, &Value)>,
    secured: bool,
    server: &str,
    schemas: &Map<String, Value>,
) -> String {
    let address = path.replace('{', "$").replace('}', "");
    let verb =
        if method == "get" { String::new() } else { format!("-X {} ", method.to_uppercase()) };
    let mut lines = vec![format!("curl {verb}\"{server}{address}\"")];
    if secured {
        lines.push("-H \"Authorization: Bearer $TOKEN\"".into());
    }
    if parameters.iter().any(|own| own["name"] == "Idempotency-Key") {
        lines.push("-H \"Idempotency-Key: $(uuidgen)\"".into());
    }
    if let Some((media_type, content)) = content {
        lines.push(format!("-H \"Content-Type: {media_type}\""));
        if media_type == "application/json" {
            let body = example(&content["schema"], schemas, 0, Fields::Telling).to_string();
            lines.push(format!("-d '{}'", body.replace('\'', "'\\''")));
        } else {
            lines.push("--data-binary @FILE".into());
        }
    }
    lines.join(" \\\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi::tests::document;
    use axum::http::header::IF_NONE_MATCH;

    fn html() -> String {
        String::from_utf8(Docs::new(&document()).unwrap().html.to_vec()).unwrap()
    }

    #[test]
    fn the_page_shows_every_endpoint_with_its_call() {
        let html = html();
        for part in [
            "id=\"tag-carts\"",
            "id=\"get-v1-carts\"",
            "/v1/carts/{cartId}/items",
            "https://shop.example/v1/carts/$cartId/items",
            "Idempotency-Key",
            "href=\"#schema-cart\"",
            "id=\"schema-problem\"",
            "1 to 100000",
        ] {
            assert!(html.contains(part), "{part}");
        }
    }

    #[test]
    fn the_page_works_alone_and_escapes_what_it_shows() {
        let html = html();
        assert!(html.contains("Lists carts &#60;b&#62;"), "escaped");
        for outside in ["<script", "src=", "@import", "url(", "<link"] {
            assert!(!html.contains(outside), "{outside}");
        }
    }

    #[test]
    fn every_link_on_the_page_leads_somewhere() {
        let html = html();
        let mut links = 0;
        for (at, _) in html.match_indices("href=\"#") {
            let target = html[at + 7..].split('"').next().unwrap();
            assert!(html.contains(&format!("id=\"{target}\"")), "{target}");
            links += 1;
        }
        assert!(links > 10);
    }

    #[test]
    fn the_page_is_answered_once_per_version() {
        let docs = Docs::new(&document()).unwrap();
        let first = docs.answer(&HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[ETAG].clone();
        let again = docs.answer(&[(IF_NONE_MATCH, tag)].into_iter().collect());
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }
}
