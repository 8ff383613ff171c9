//! The tree of categories.

use crate::actors::reads::CategoryNode;
use crate::domain::Timestamp;
use crate::domain::catalog::{ProductRejection, handle_from};
use crate::domain::grouping::{Category, check};
use crate::http::body::Input;
use crate::http::json::{Time, given};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A category, with those below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Category)]
pub struct CategoryJson {
    pub handle: String,
    pub name: String,
    pub description: String,
    /// The handle of the category above.
    pub parent: Option<String>,
    /// Public products of this very category, without those below it.
    pub product_count: usize,
    #[schema(no_recursion)]
    pub children: Vec<CategoryJson>,
    pub created_at: Time,
    pub updated_at: Time,
}

impl From<&CategoryNode> for CategoryJson {
    fn from(node: &CategoryNode) -> CategoryJson {
        let category = &node.category;
        CategoryJson {
            handle: category.handle.clone(),
            name: category.name.clone(),
            description: category.description.clone(),
            parent: category.parent.clone(),
            product_count: node.products,
            children: node.children.iter().map(CategoryJson::from).collect(),
            created_at: category.created_at.into(),
            updated_at: category.updated_at.into(),
        }
    }
}

/// All categories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Categories)]
pub struct CategoriesJson {
    /// Those at the top, by name, each with those below it.
    pub data: Vec<CategoryJson>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CategoryCreate {
    #[schema(min_length = 1, max_length = 255, format = "not-blank", example = "Kitchen")]
    pub name: String,
    /// Made from the name where it is not given.
    #[schema(format = "handle", nullable = false)]
    pub handle: Option<String>,
    #[schema(max_length = 10_000, nullable = false)]
    pub description: Option<String>,
    /// The handle of the category above.
    #[schema(format = "handle")]
    pub parent: Option<String>,
}

impl Input for CategoryCreate {}

impl CategoryCreate {
    pub fn into_category(self, now: Timestamp) -> Result<Category, ProductRejection> {
        let handle = self.handle.unwrap_or_else(|| handle_from(&self.name));
        check(&handle, &self.name)?;
        Ok(Category {
            handle,
            name: self.name.trim().to_owned(),
            description: self.description.unwrap_or_default(),
            parent: self.parent,
            created_at: now,
            updated_at: now,
        })
    }
}

/// What is named is changed; the handle stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CategoryUpdate {
    #[schema(min_length = 1, max_length = 255, format = "not-blank", nullable = false)]
    pub name: Option<String>,
    #[schema(max_length = 10_000, nullable = false)]
    pub description: Option<String>,
    /// The handle of the category above; null puts it at the top.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = "handle")]
    pub parent: Option<Option<String>>,
}

impl Input for CategoryUpdate {}

impl CategoryUpdate {
    /// The category as it is to be; without any difference, as it is.
    pub fn apply_to(self, category: &Category, now: Timestamp) -> Category {
        let mut next = category.clone();
        if let Some(name) = self.name {
            next.name = name.trim().to_owned();
        }
        if let Some(description) = self.description {
            next.description = description;
        }
        if let Some(parent) = self.parent {
            next.parent = parent;
        }
        if next != *category {
            next.updated_at = now;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::read;

    fn category(handle: &str, parent: Option<&str>) -> Category {
        Category {
            handle: handle.into(),
            name: handle.to_uppercase(),
            description: String::new(),
            parent: parent.map(Into::into),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_name_makes_the_handle() {
        let create: CategoryCreate = read(br#"{"name":"Home & Garden"}"#).unwrap();
        let made = create.into_category(Timestamp::default()).unwrap();
        assert_eq!(made.handle, "home-garden");
    }

    #[test]
    fn null_puts_a_category_at_the_top_and_silence_leaves_it() {
        let below = category("b", Some("a"));
        let now = Timestamp::from_millis(5);
        let change = |body: &str| read::<CategoryUpdate>(body.as_bytes()).unwrap();
        assert_eq!(change("{}").apply_to(&below, now), below);
        let moved = change(r#"{"parent":null}"#).apply_to(&below, now);
        assert_eq!((moved.parent, moved.updated_at), (None, now));
        assert!(read::<CategoryUpdate>(br#"{"name":null}"#).is_err());
    }
}
