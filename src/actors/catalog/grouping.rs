//! Decisions about categories and collections.

use super::draft::{Draft, check_version, numbered};
use super::rejection::CatalogRejection;
use crate::actors::reads::{Catalog, Versioned};
use crate::domain::catalog::{ProductStatus, handle_from};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::grouping::{self, Category, Collection, GroupingEvent, Members};
use crate::imports;
use std::collections::HashSet;
use std::sync::Arc;

/// Whether what is saved must be new or must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    New,
    /// With the version that an `If-Match` names.
    Existing {
        expected: Option<u64>,
    },
}

/// A category as its writer wants it.
#[derive(Clone, Debug)]
pub struct CategoryInput {
    /// A new one without a handle gets it from its name. It never changes afterwards.
    pub handle: String,
    pub name: String,
    pub description: String,
    pub parent: Option<String>,
}

/// A collection as its writer wants it.
#[derive(Clone, Debug)]
pub struct CollectionInput {
    /// A new one without a handle gets it from its name. It never changes afterwards.
    pub handle: String,
    pub name: String,
    pub description: String,
    pub members: Members,
}

pub type CategoryOutcome = Arc<Versioned<Category>>;
pub type CollectionOutcome = Arc<Versioned<Collection>>;

impl Draft<'_> {
    /// Makes or changes a category. A new name is given to its products in the same batch.
    pub fn save_category(
        &mut self,
        saving: Saving,
        input: CategoryInput,
    ) -> Result<CategoryOutcome, CatalogRejection> {
        let CategoryInput { mut handle, name, description, parent } = input;
        let name = name.trim().to_owned();
        if handle.is_empty() && saving == Saving::New {
            let free = |handle: &str| self.catalog.category(handle).is_none();
            handle = numbered(&handle_from(&name), free);
        }
        let current = self.catalog.category(&handle).cloned();
        match (saving, &current) {
            (Saving::New, Some(_)) => return Err(CatalogRejection::CategoryExists { handle }),
            (Saving::Existing { .. }, None) => {
                return Err(CatalogRejection::NoSuchCategory { handle });
            }
            (Saving::Existing { expected }, Some(current)) => {
                check_version(expected, current.version)?;
            }
            (Saving::New, None) => {}
        }
        grouping::check(&handle, &name)?;
        let namesake = self.catalog.category_named(&name).filter(|own| own.handle != handle);
        if let Some(other) = namesake {
            let handle = other.handle.clone();
            return Err(CatalogRejection::CategoryNameTaken { name, handle });
        }
        check_parent(&self.catalog, &handle, parent.as_deref())?;
        let category = Category {
            name,
            description: imports::sanitize(&description),
            parent,
            created_at: current.as_ref().map_or(self.now, |current| current.created_at),
            updated_at: current.as_ref().map_or(self.now, |current| current.updated_at),
            handle,
        };
        if let Some(current) = &current
            && current.value == category
        {
            return Ok(Arc::clone(current));
        }
        let (name, handle) = (category.name.clone(), category.handle.clone());
        let version = current.as_ref().map_or(0, |current| current.version);
        self.put_category(Category { updated_at: self.now, ..category }, version);
        if let Some(before) = current.filter(|current| current.name != name) {
            self.move_products(&before.name, &name)?;
        }
        let saved = self.catalog.category(&handle).cloned();
        saved.ok_or(CatalogRejection::NoSuchCategory { handle })
    }

    /// Deletes a category that nothing is in, but for archived products.
    pub fn delete_category(
        &mut self,
        handle: &str,
        expected: Option<u64>,
    ) -> Result<(), CatalogRejection> {
        let Some(current) = self.catalog.category(handle).cloned() else {
            return Err(CatalogRejection::NoSuchCategory { handle: handle.to_owned() });
        };
        check_version(expected, current.version)?;
        let products = self.catalog.in_category(&current.name);
        let products =
            products.iter().filter(|product| product.status != ProductStatus::Archived).count();
        let below =
            |category: &&Arc<Versioned<Category>>| category.parent.as_deref() == Some(handle);
        let children = self.catalog.categories().filter(below).count();
        if products > 0 || children > 0 {
            return Err(CatalogRejection::CategoryInUse { products, children });
        }
        self.batch.remove(EntityKey::Category(handle.to_owned()), current.version);
        let event = GroupingEvent::CategoryDeleted { handle: handle.to_owned() };
        self.batch.fact(self.now, Fact::Grouping(event), vec![]);
        self.catalog.remove_category(handle);
        Ok(())
    }

    pub fn save_collection(
        &mut self,
        saving: Saving,
        input: CollectionInput,
    ) -> Result<CollectionOutcome, CatalogRejection> {
        let CollectionInput { mut handle, name, description, members } = input;
        let name = name.trim().to_owned();
        if handle.is_empty() && saving == Saving::New {
            let free = |handle: &str| self.catalog.collection(handle).is_none();
            handle = numbered(&handle_from(&name), free);
        }
        let current = self.catalog.collection(&handle).cloned();
        match (saving, &current) {
            (Saving::New, Some(_)) => return Err(CatalogRejection::CollectionExists { handle }),
            (Saving::Existing { .. }, None) => {
                return Err(CatalogRejection::NoSuchCollection { handle });
            }
            (Saving::Existing { expected }, Some(current)) => {
                check_version(expected, current.version)?;
            }
            (Saving::New, None) => {}
        }
        grouping::check(&handle, &name)?;
        let collection = Collection {
            name,
            description: imports::sanitize(&description),
            members: checked(&self.catalog, members)?,
            created_at: current.as_ref().map_or(self.now, |current| current.created_at),
            updated_at: current.as_ref().map_or(self.now, |current| current.updated_at),
            handle,
        };
        if let Some(current) = &current
            && current.value == collection
        {
            return Ok(Arc::clone(current));
        }
        let version = current.map_or(0, |current| current.version);
        let collection = Collection { updated_at: self.now, ..collection };
        self.batch.put(EntityKey::Collection(collection.handle.clone()), version, &collection);
        let fact = Fact::Grouping(GroupingEvent::CollectionSaved(collection.clone()));
        self.batch.fact(self.now, fact, vec![]);
        Ok(Arc::new(Versioned { value: collection, version: version + 1 }))
    }

    pub fn delete_collection(
        &mut self,
        handle: &str,
        expected: Option<u64>,
    ) -> Result<(), CatalogRejection> {
        let Some(current) = self.catalog.collection(handle) else {
            return Err(CatalogRejection::NoSuchCollection { handle: handle.to_owned() });
        };
        check_version(expected, current.version)?;
        self.batch.remove(EntityKey::Collection(handle.to_owned()), current.version);
        let event = GroupingEvent::CollectionDeleted { handle: handle.to_owned() };
        self.batch.fact(self.now, Fact::Grouping(event), vec![]);
        Ok(())
    }
}

/// A parent is there, and is not the category itself nor anything below it.
fn check_parent(
    catalog: &Catalog,
    handle: &str,
    parent: Option<&str>,
) -> Result<(), CatalogRejection> {
    let mut above = parent;
    while let Some(parent) = above {
        if parent == handle {
            return Err(CatalogRejection::ParentCycle);
        }
        let Some(category) = catalog.category(parent) else {
            return Err(CatalogRejection::NoSuchParent { parent: parent.to_owned() });
        };
        above = category.parent.as_deref();
    }
    Ok(())
}

/// Members by hand are products that there are, each once.
fn checked(catalog: &Catalog, members: Members) -> Result<Members, CatalogRejection> {
    let Members::ByHand(ids) = members else { return Ok(members) };
    if let Some(id) = ids.iter().find(|id| catalog.product(id).is_none()) {
        return Err(CatalogRejection::NoSuchMember { id: id.clone() });
    }
    let mut seen = HashSet::new();
    Ok(Members::ByHand(ids.into_iter().filter(|id| seen.insert(id.clone())).collect()))
}
