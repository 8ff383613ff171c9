//! The fields of a form: how each is called, what was typed, and what is wrong with it.
//!
//! A form that is refused comes back whole: what was typed stays, each fault stands at its field, and a
//! list above the form leads to them.

/// The longest text that a field takes where its rule says nothing shorter.
const LONGEST: u32 = 200;

/// One field. Its name is its id.
pub struct Field {
    pub id: &'static str,
    pub label: &'static str,
    pub hint: Option<&'static str>,
    /// The input's type.
    pub kind: &'static str,
    pub autocomplete: &'static str,
    pub inputmode: Option<&'static str>,
    pub value: String,
    pub is_required: bool,
    /// Said of it, where it is not plain from the form.
    pub is_optional: bool,
    /// Of a list to choose from.
    pub choices: Vec<Choice>,
    /// Whether another value changes other parts of the page.
    pub refreshes: bool,
    pub longest: u32,
    pub error: Option<String>,
}

/// One of several values.
pub struct Choice {
    pub value: String,
    pub text: String,
    pub is_chosen: bool,
}

/// Something that is wrong with a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The id of its field.
    pub field: &'static str,
    /// A whole sentence.
    pub text: String,
}

impl Fault {
    pub fn new(field: &'static str, text: impl Into<String>) -> Fault {
        Fault { field, text: text.into() }
    }

    /// As it stands in the list above the form.
    pub fn line(&self) -> &str {
        self.text.trim_end_matches('.')
    }
}

impl Field {
    /// A text that must be given.
    pub fn new(id: &'static str, label: &'static str, autocomplete: &'static str) -> Field {
        Field {
            id,
            label,
            hint: None,
            kind: "text",
            autocomplete,
            inputmode: None,
            value: String::new(),
            is_required: true,
            is_optional: false,
            choices: Vec::new(),
            refreshes: false,
            longest: LONGEST,
            error: None,
        }
    }

    /// One that may be left empty.
    pub fn optional(self) -> Field {
        Field { is_required: false, is_optional: true, ..self }
    }

    /// With what was typed and what is wrong with it.
    pub fn filled(self, value: &str, faults: &[Fault]) -> Field {
        let own = faults.iter().find(|fault| fault.field == self.id);
        Field { value: value.to_owned(), error: own.map(|fault| fault.text.clone()), ..self }
    }

    /// The ids of what is said of it.
    pub fn described_by(&self) -> Option<String> {
        let hint = self.hint.map(|_| format!("{}-hint", self.id));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.id));
        let all: Vec<String> = hint.into_iter().chain(error).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_stands_at_its_field_alone() {
        let faults = [Fault::new("city", "Enter the city.")];
        let city = Field::new("city", "City", "address-level2").filled("", &faults);
        assert_eq!(city.error.as_deref(), Some("Enter the city."));
        assert_eq!(city.described_by().as_deref(), Some("city-error"));
        let name = Field::new("name", "Name", "name").filled("Ada", &faults);
        assert_eq!((name.error.as_deref(), name.described_by()), (None, None));
        assert_eq!((name.value.as_str(), faults[0].line()), ("Ada", "Enter the city"));
    }
}
