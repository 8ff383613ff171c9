//! Stored forms of categories and collections, and of what happens to them.

use super::value::{MoneyV1, TimeV1};
use crate::domain::Money;
use crate::domain::grouping::{Category, Collection, GroupingEvent, Members, Rule};
use crate::storage::codec::{Stored, ValueError};
use serde::{Deserialize, Serialize};

impl Stored for Category {
    const NAME: &'static str = "category";
    const VERSION: u8 = 1;
    type Latest<'a> = CategoryV1<'a>;
}

impl Stored for Collection {
    const NAME: &'static str = "collection";
    const VERSION: u8 = 1;
    type Latest<'a> = CollectionV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct CategoryV1<'a> {
    handle: &'a str,
    name: &'a str,
    description: &'a str,
    #[serde(borrow)]
    parent: Option<&'a str>,
    created_at: TimeV1,
    updated_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct CollectionV1<'a> {
    handle: &'a str,
    name: &'a str,
    description: &'a str,
    #[serde(borrow)]
    members: MembersV1<'a>,
    created_at: TimeV1,
    updated_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum MembersV1<'a> {
    #[serde(borrow)]
    ByHand(Vec<&'a str>),
    #[serde(borrow)]
    ByRule(RuleV1<'a>),
}

#[derive(Debug, Serialize, Deserialize)]
struct RuleV1<'a> {
    #[serde(borrow)]
    category: Option<&'a str>,
    #[serde(borrow)]
    brand: Option<&'a str>,
    #[serde(borrow)]
    tag: Option<&'a str>,
    min_price: Option<MoneyV1>,
    max_price: Option<MoneyV1>,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum GroupingEventV1<'a> {
    #[serde(borrow)]
    CategorySaved(CategoryV1<'a>),
    CategoryDeleted {
        handle: &'a str,
    },
    #[serde(borrow)]
    CollectionSaved(CollectionV1<'a>),
    CollectionDeleted {
        handle: &'a str,
    },
}

impl<'a> From<&'a Category> for CategoryV1<'a> {
    fn from(category: &'a Category) -> CategoryV1<'a> {
        CategoryV1 {
            handle: &category.handle,
            name: &category.name,
            description: &category.description,
            parent: category.parent.as_deref(),
            created_at: category.created_at.into(),
            updated_at: category.updated_at.into(),
        }
    }
}

impl From<CategoryV1<'_>> for Category {
    fn from(stored: CategoryV1<'_>) -> Category {
        Category {
            handle: stored.handle.into(),
            name: stored.name.into(),
            description: stored.description.into(),
            parent: stored.parent.map(Into::into),
            created_at: stored.created_at.into(),
            updated_at: stored.updated_at.into(),
        }
    }
}

impl<'a> From<&'a Collection> for CollectionV1<'a> {
    fn from(collection: &'a Collection) -> CollectionV1<'a> {
        CollectionV1 {
            handle: &collection.handle,
            name: &collection.name,
            description: &collection.description,
            members: match &collection.members {
                Members::ByHand(ids) => {
                    MembersV1::ByHand(ids.iter().map(|id| id.as_str()).collect())
                }
                Members::ByRule(rule) => MembersV1::ByRule(rule.into()),
            },
            created_at: collection.created_at.into(),
            updated_at: collection.updated_at.into(),
        }
    }
}

impl TryFrom<CollectionV1<'_>> for Collection {
    type Error = ValueError;

    fn try_from(stored: CollectionV1<'_>) -> Result<Collection, ValueError> {
        Ok(Collection {
            handle: stored.handle.into(),
            name: stored.name.into(),
            description: stored.description.into(),
            members: match stored.members {
                MembersV1::ByHand(ids) => {
                    Members::ByHand(ids.into_iter().map(str::parse).collect::<Result<_, _>>()?)
                }
                MembersV1::ByRule(rule) => Members::ByRule(rule.try_into()?),
            },
            created_at: stored.created_at.into(),
            updated_at: stored.updated_at.into(),
        })
    }
}

impl<'a> From<&'a Rule> for RuleV1<'a> {
    fn from(rule: &'a Rule) -> RuleV1<'a> {
        RuleV1 {
            category: rule.category.as_deref(),
            brand: rule.brand.as_deref(),
            tag: rule.tag.as_deref(),
            min_price: rule.min_price.map(Into::into),
            max_price: rule.max_price.map(Into::into),
        }
    }
}

impl TryFrom<RuleV1<'_>> for Rule {
    type Error = ValueError;

    fn try_from(stored: RuleV1<'_>) -> Result<Rule, ValueError> {
        Ok(Rule {
            category: stored.category.map(Into::into),
            brand: stored.brand.map(Into::into),
            tag: stored.tag.map(Into::into),
            min_price: stored.min_price.map(Money::try_from).transpose()?,
            max_price: stored.max_price.map(Money::try_from).transpose()?,
        })
    }
}

impl<'a> From<&'a GroupingEvent> for GroupingEventV1<'a> {
    fn from(event: &'a GroupingEvent) -> GroupingEventV1<'a> {
        match event {
            GroupingEvent::CategorySaved(category) => {
                GroupingEventV1::CategorySaved(category.into())
            }
            GroupingEvent::CategoryDeleted { handle } => {
                GroupingEventV1::CategoryDeleted { handle }
            }
            GroupingEvent::CollectionSaved(collection) => {
                GroupingEventV1::CollectionSaved(collection.into())
            }
            GroupingEvent::CollectionDeleted { handle } => {
                GroupingEventV1::CollectionDeleted { handle }
            }
        }
    }
}

impl TryFrom<GroupingEventV1<'_>> for GroupingEvent {
    type Error = ValueError;

    fn try_from(stored: GroupingEventV1<'_>) -> Result<GroupingEvent, ValueError> {
        Ok(match stored {
            GroupingEventV1::CategorySaved(category) => {
                GroupingEvent::CategorySaved(category.into())
            }
            GroupingEventV1::CategoryDeleted { handle } => {
                GroupingEvent::CategoryDeleted { handle: handle.into() }
            }
            GroupingEventV1::CollectionSaved(collection) => {
                GroupingEvent::CollectionSaved(collection.try_into()?)
            }
            GroupingEventV1::CollectionDeleted { handle } => {
                GroupingEvent::CollectionDeleted { handle: handle.into() }
            }
        })
    }
}
