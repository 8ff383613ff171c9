//! What may be done in the shop, by name, and which role may do it: one table.
//!
//! A member of staff has the permissions of their role, an API key those that were chosen for it as
//! its scopes. Customers have none: what is theirs is theirs by ownership.

use super::staff::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    ProductsRead,
    ProductsWrite,
    ImportsWrite,
    InventoryRead,
    InventoryWrite,
    OrdersRead,
    OrdersWrite,
    OrdersRefund,
    UsersRead,
    UsersWrite,
    EventsRead,
    StaffWrite,
    KeysWrite,
    AuditRead,
    UsersErase,
    SettingsWrite,
}

struct Row {
    permission: Permission,
    /// A promise to clients: scopes are written in these words.
    name: &'static str,
    allows: &'static str,
    roles: &'static [Role],
}

const BOTH: &[Role] = &[Role::Staff, Role::Admin];
const ADMIN: &[Role] = &[Role::Admin];

const fn row(
    permission: Permission,
    name: &'static str,
    allows: &'static str,
    roles: &'static [Role],
) -> Row {
    Row { permission, name, allows, roles }
}

const TABLE: [Row; 16] = [
    row(Permission::ProductsRead, "products:read", "drafts, archived products, exports", BOTH),
    row(Permission::ProductsWrite, "products:write", "products, pictures, categories", BOTH),
    row(Permission::ImportsWrite, "imports:write", "imports of products", BOTH),
    row(Permission::InventoryRead, "inventory:read", "stock levels and their history", BOTH),
    row(Permission::InventoryWrite, "inventory:write", "counting and correcting stock", BOTH),
    row(Permission::OrdersRead, "orders:read", "everybody's orders", BOTH),
    row(Permission::OrdersWrite, "orders:write", "taking payments, fulfilling orders", BOTH),
    row(Permission::OrdersRefund, "orders:refund", "giving money back, cancelling", BOTH),
    row(Permission::UsersRead, "users:read", "customers", BOTH),
    row(Permission::UsersWrite, "users:write", "changing customers", BOTH),
    row(Permission::EventsRead, "events:read", "the log", BOTH),
    row(Permission::StaffWrite, "staff:write", "members of staff, invitations, roles", ADMIN),
    row(Permission::KeysWrite, "keys:write", "API keys", ADMIN),
    row(Permission::AuditRead, "audit:read", "who changed what, from where", ADMIN),
    row(Permission::UsersErase, "users:erase", "erasing customers, for good", ADMIN),
    row(
        Permission::SettingsWrite,
        "settings:write",
        "the shop's name, looks and text pages",
        ADMIN,
    ),
];

impl Permission {
    /// All permissions, in the order in which they are shown.
    pub fn all() -> impl Iterator<Item = Permission> {
        TABLE.iter().map(|row| row.permission)
    }

    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What it opens, for people.
    pub fn allows(self) -> &'static str {
        self.row().allows
    }

    /// The permission of that name.
    pub fn named(name: &str) -> Option<Permission> {
        Permission::all().find(|permission| permission.name() == name)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

impl Role {
    pub fn may(self, permission: Permission) -> bool {
        permission.row().roles.contains(&self)
    }
}

/// Some permissions; a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::all().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Permissions {
        Permissions(permissions.into_iter().fold(0, |set, own| set | 1 << own as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_stands_at_its_own_place_and_has_its_own_name() {
        for (place, permission) in Permission::all().enumerate() {
            assert_eq!(permission as usize, place);
            assert_eq!(Permission::named(permission.name()), Some(permission));
        }
        assert_eq!(Permission::named("everything"), None);
    }

    #[test]
    fn an_admin_may_all_and_staff_not_rule_over_staff() {
        assert!(Permission::all().all(|permission| Role::Admin.may(permission)));
        let barred = Permission::all().filter(|permission| !Role::Staff.may(*permission));
        assert_eq!(
            barred.collect::<Vec<_>>(),
            [
                Permission::StaffWrite,
                Permission::KeysWrite,
                Permission::AuditRead,
                Permission::UsersErase,
                Permission::SettingsWrite
            ]
        );
    }

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let some = [Permission::AuditRead, Permission::ProductsRead];
        let set: Permissions = some.into_iter().collect();
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Permission::ProductsRead, Permission::AuditRead]
        );
        assert!(!set.contains(Permission::ProductsWrite));
        assert_eq!(Permissions::default().iter().count(), 0);
    }
}
