//! Forms: their fields, and what is said where one was refused. Each fault stands at its field, and a
//! summary above the form leads to all of them.
//!
//! What a form brings is held against the very schemas of the API's bodies, so there is one rule for
//! each value and it stands there.

use super::words;
use crate::http::body::{self, Input};
use crate::http::problem::ApiError;
use askama::Template;
use serde_json::{Map, Value};

/// What is wrong with a form, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field's id on the page.
    pub field: String,
    /// Whole, without a period.
    pub text: String,
}

impl Faults {
    pub fn one(field: &str, text: impl Into<String>) -> Faults {
        Faults(vec![Fault { field: field.to_owned(), text: text.into() }])
    }

    /// Adds one. Of several at a field the first is said.
    pub fn add(&mut self, field: &str, text: impl Into<String>) {
        if self.at(field).is_none() {
            self.0.push(Fault { field: field.to_owned(), text: text.into() });
        }
    }

    /// In the order in which the fields stand on the page.
    pub fn in_order(mut self, fields: &[&str]) -> Faults {
        self.0.sort_by_key(|fault| fields.iter().position(|own| *own == fault.field));
        self
    }

    pub fn all(&self) -> &[Fault] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn at(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|own| own.field == field).map(|own| own.text.as_str())
    }

    /// What stands above them all.
    pub fn heading(&self) -> String {
        words::things_wrong(self.0.len())
    }

    /// The title of the page that shows them.
    pub fn titled(&self, title: &str) -> String {
        if self.is_empty() { title.to_owned() } else { format!("Error: {title}") }
    }

    /// What the API says of a body, in the words of these fields: each by its name there and the label
    /// that people see. What is wrong elsewhere is no fault of whoever filled the form in.
    pub fn of(error: ApiError, labels: &[(&str, &str)]) -> Result<Faults, ApiError> {
        let (ApiError::InvalidBody(found) | ApiError::InvalidValue(found)) = &error else {
            return Err(error);
        };
        let mut faults = Faults::default();
        for fault in found {
            let name = fault.pointer.trim_start_matches('/');
            let Some((_, label)) = labels.iter().find(|(own, _)| *own == name) else {
                return Err(error);
            };
            let text = said_of(label, &fault.detail);
            faults.add(name, text);
        }
        Ok(faults)
    }
}

/// `must have 8 to 128 characters` of a field is said with its label; what is a sentence of its own
/// stays one.
fn said_of(label: &str, detail: &str) -> String {
    let verbs = ["must ", "is ", "has ", "needs "];
    if verbs.iter().any(|verb| detail.starts_with(verb)) {
        return format!("{label} {detail}");
    }
    let mut letters = detail.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

/// Reads a form as the API would read the same values as JSON. Fields that were left empty were not
/// given.
pub fn read<T: Input>(
    values: &[(&str, &str)],
    labels: &[(&str, &str)],
) -> Result<Result<T, Faults>, ApiError> {
    let given = values.iter().filter(|(_, value)| !value.is_empty());
    let body: Map<String, Value> =
        given.map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    match body::read::<T>(Value::Object(body).to_string().as_bytes()) {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Faults::of(error, labels).map(Err),
    }
}

/// The longest text that a field takes where its rule says nothing shorter.
const LONGEST: usize = 200;

/// RFC 5321, 4.5.3.1.3, without the brackets around it.
const LONGEST_EMAIL: usize = 254;

/// One field that is filled in, as pages show it. It is escaped where it is written out, so a page
/// may show it as it is.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "storefront/field.html")]
pub struct Field {
    /// In forms and, as its id, on pages.
    pub name: &'static str,
    pub label: &'static str,
    /// The input's type.
    pub kind: &'static str,
    pub autocomplete: &'static str,
    pub inputmode: Option<&'static str>,
    pub hint: String,
    pub value: String,
    /// Whether a browser asks for it before it sends the form.
    pub is_required: bool,
    /// Said of it, where it is not plain from the form.
    pub is_optional: bool,
    /// Characters at least, where it has such a bound.
    pub least: Option<usize>,
    /// Characters at most.
    pub most: usize,
    /// Of a list to choose from.
    pub choices: Vec<Choice>,
    /// Whether another value changes other parts of the page.
    pub refreshes: bool,
    pub fault: Option<String>,
    pub assets: String,
}

/// One of several values.
#[derive(Clone, Debug)]
pub struct Choice {
    pub value: String,
    pub text: String,
    pub is_chosen: bool,
}

impl Field {
    pub fn new(
        name: &'static str,
        label: &'static str,
        kind: &'static str,
        autocomplete: &'static str,
    ) -> Field {
        Field {
            name,
            label,
            kind,
            autocomplete,
            is_required: true,
            most: LONGEST,
            ..Field::default()
        }
    }

    pub fn email(value: &str) -> Field {
        Field {
            value: value.to_owned(),
            most: LONGEST_EMAIL,
            ..Field::new("email", "E-mail", "email", "username")
        }
    }

    /// A password that is there already.
    pub fn password(name: &'static str, label: &'static str) -> Field {
        Field::new(name, label, "password", "current-password")
    }

    /// A password that is to be chosen.
    pub fn new_password(label: &'static str) -> Field {
        let length = crate::domain::password::LENGTH;
        Field {
            hint: format!(
                "At least {} characters. A few words together are easy to remember and hard to guess.",
                length.start()
            ),
            least: Some(*length.start()),
            most: *length.end(),
            ..Field::new("password", label, "password", "new-password")
        }
    }

    pub fn text(name: &'static str, label: &'static str, autocomplete: &'static str) -> Field {
        Field::new(name, label, "text", autocomplete)
    }

    /// One that may be left empty.
    pub fn optional(self) -> Field {
        Field { is_required: false, is_optional: true, ..self }
    }

    pub fn hinting(self, hint: impl Into<String>) -> Field {
        Field { hint: hint.into(), ..self }
    }

    pub fn holding(self, value: impl Into<String>) -> Field {
        Field { value: value.into(), ..self }
    }

    /// On a page that loads its icons from there, with what is wrong with it.
    pub fn on(self, assets: &str, faults: &Faults) -> Field {
        let fault = faults.at(self.name).map(str::to_owned);
        Field { fault, assets: assets.to_owned(), ..self }
    }

    fn is_email(&self) -> bool {
        self.kind == "email"
    }

    /// The ids of what describes it.
    fn described(&self) -> String {
        let hint = (!self.hint.is_empty()).then(|| format!("{}-hint", self.name));
        let fault = self.fault.as_ref().map(|_| format!("{}-error", self.name));
        [hint, fault].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api::dto::auth::RegisterBody;

    const LABELS: [(&str, &str); 3] =
        [("email", "The e-mail"), ("password", "The password"), ("name", "The name")];

    #[test]
    fn a_form_is_read_by_the_rules_of_the_api() {
        let read = |values: &[(&str, &str)]| read::<RegisterBody>(values, &LABELS).unwrap();
        let good =
            read(&[("email", "ada@example.com"), ("password", "a good long one"), ("name", "")]);
        assert!(good.is_ok_and(|body| body.name.is_none()));
        let Err(faults) = read(&[("email", "ada"), ("password", "short")]) else { panic!() };
        assert_eq!(faults.at("email"), Some("The e-mail must be an e-mail address"));
        assert_eq!(faults.at("password"), Some("The password must have from 8 to 128 characters"));
        assert_eq!(faults.heading(), "Two things are missing or not right");
        let Err(faults) = read(&[("email", "ada@example.com")]) else { panic!() };
        assert_eq!(faults, Faults::one("password", "The password is required"));
        assert_eq!(faults.titled("Register"), "Error: Register");
    }

    #[test]
    fn what_is_wrong_elsewhere_is_no_fault_of_a_field() {
        let faults = Faults::of(ApiError::Overloaded, &LABELS);
        assert_eq!(faults, Err(ApiError::Overloaded));
        let unknown = ApiError::invalid("/other", "is wrong");
        assert_eq!(Faults::of(unknown.clone(), &LABELS), Err(unknown));
        let own = ApiError::invalid("/password", "this is among the first that anybody tries");
        let faults = Faults::of(own, &LABELS).unwrap();
        assert_eq!(faults.at("password"), Some("This is among the first that anybody tries"));
    }

    #[test]
    fn a_field_names_what_describes_it_and_escapes_what_was_typed() {
        let plain = Field::email("").on("/a", &Faults::default()).render().unwrap();
        assert!(!plain.contains("aria-") && !plain.contains("value="), "{plain}");
        let faults = Faults::one("email", "<b>");
        let field = Field::email("\"><script>").hinting("Yours").on("/a", &faults);
        let html = field.render().unwrap();
        assert!(html.contains(r#"aria-describedby="email-hint email-error" aria-invalid="true""#));
        assert!(html.contains(r#"id="email-hint""#) && html.contains(r#"id="email-error""#));
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
    }
}
