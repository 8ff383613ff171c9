//! `docs/access.md`: every route and who may call it, as the table has it.

use super::Caller;
use super::rules::{ROWS, Rule};
use crate::actors::accounts::{CustomerCaller, KeyCaller, StaffCaller};
use crate::domain::permission::{Permission, Permissions};
use crate::domain::staff::Role;
use crate::domain::{ApiKeyId, CustomerId, StaffId};
use std::fmt::Write;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    Nobody,
    Customer,
    OtherCustomer,
    Staff,
    Admin,
    /// An API key that lacks the scope.
    KeyWithout,
    KeyWith,
}

/// What somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    Yes,
    /// Yes, for what is their own.
    Own,
    /// No, with this status.
    No(u16),
}

impl Asker {
    pub const ALL: [Asker; 7] = [
        Asker::Nobody,
        Asker::Customer,
        Asker::OtherCustomer,
        Asker::Staff,
        Asker::Admin,
        Asker::KeyWithout,
        Asker::KeyWith,
    ];

    fn name(self) -> &'static str {
        match self {
            Asker::Nobody => "nobody",
            Asker::Customer => "customer",
            Asker::OtherCustomer => "other customer",
            Asker::Staff => "staff",
            Asker::Admin => "admin",
            Asker::KeyWithout => "key without scope",
            Asker::KeyWith => "key with scope",
        }
    }

    /// Somebody of that kind.
    fn example(self) -> Caller {
        let staff = |role| {
            let (staff, email) = (StaffId::from_bytes([1; 16]), "".into());
            StaffCaller { staff, role, email }
        };
        let key = |scopes| {
            let (key, maker) = (ApiKeyId::from_bytes([1; 16]), staff(Role::Admin));
            Caller::Key(KeyCaller { key, scopes, maker })
        };
        match self {
            Asker::Nobody => Caller::Nobody,
            Asker::Customer | Asker::OtherCustomer => Caller::Customer(CustomerCaller {
                customer: CustomerId::from_bytes([1; 16]),
                email: "".into(),
                is_verified: true,
                people: [].into(),
                cart: None,
            }),
            Asker::Staff => Caller::Staff(staff(Role::Staff)),
            Asker::Admin => Caller::Staff(staff(Role::Admin)),
            Asker::KeyWithout => key(Permissions::default()),
            Asker::KeyWith => key(Permission::all().collect()),
        }
    }
}

impl Rule {
    /// What the rule says to somebody who asks for something that belongs to the customer.
    pub fn cell(self, asker: Asker) -> Cell {
        let is_owned = matches!(self, Rule::OwnOrCart(_));
        match (self.admits(&asker.example()), asker) {
            (Err(refusal), _) => Cell::No(refusal.status().as_u16()),
            (Ok(()), Asker::OtherCustomer) if is_owned => Cell::No(404),
            (Ok(()), Asker::Customer) if is_owned => Cell::Own,
            (Ok(()), _) if matches!(self, Rule::LoggedIn | Rule::Customer | Rule::Member) => {
                Cell::Own
            }
            (Ok(()), Asker::Customer | Asker::OtherCustomer) if matches!(self, Rule::Own(_)) => {
                Cell::Own
            }
            (Ok(()), _) => Cell::Yes,
        }
    }

    fn text(self) -> String {
        match self {
            Rule::Open => "anybody; credentials are not looked at".into(),
            Rule::Public => "anybody".into(),
            Rule::Page => "anybody, from a page of this shop".into(),
            Rule::Form => "anybody, from a page of this shop by its token or, of a guest, by the browser's word".into(),
            Rule::Key => "whoever knows the id".into(),
            Rule::LoggedIn => "whoever is logged in".into(),
            Rule::Customer => "customers".into(),
            Rule::Member => "members of staff".into(),
            Rule::Own(permission) => format!("customers, `{}`", permission.name()),
            Rule::OwnOrCart(permission) => {
                format!("its customer, its cart's guest, `{}`", permission.name())
            }
            Rule::May(permission) => format!("`{}`", permission.name()),
        }
    }
}

/// The page.
pub fn page() -> String {
    let mut page = String::from(
        "# Who may do what\n\n\
         Written by `MERCAT_RENEW=1 cargo test --lib access` from the table in\n\
         `src/http/access/rules.rs`; a test holds it to that. The shop does not start with a route that has no row.\n\n\
         `yes` and `own` (what is their own) come in. 401 and 403 come before anything of the request is looked\n\
         at; what exists and is somebody else's is 404. Browsers show a session's cookie in place of a token; every\n\
         write that is allowed for it needs the CSRF token too, and so does what only a page of this shop may send.\n\n",
    );
    let heads = Asker::ALL.map(Asker::name).join(" | ");
    let _ = writeln!(page, "| route | who | {heads} |");
    let _ = writeln!(page, "|{}", " --- |".repeat(2 + Asker::ALL.len()));
    for row in ROWS {
        let cells = Asker::ALL.map(|asker| match row.rule.cell(asker) {
            Cell::Yes => "yes".to_owned(),
            Cell::Own => "own".to_owned(),
            Cell::No(status) => status.to_string(),
        });
        let (text, cells) = (row.rule.text(), cells.join(" | "));
        let _ = writeln!(page, "| `{} {}` | {text} | {cells} |", row.method, row.path);
    }
    page.push_str(
        "\n## Permissions\n\n| permission | opens | staff | admin |\n| --- | --- | --- | --- |\n",
    );
    for permission in Permission::all() {
        let has = |role: Role| if role.may(permission) { "yes" } else { "no" };
        let (name, opens) = (permission.name(), permission.allows());
        let (staff, admin) = (has(Role::Staff), has(Role::Admin));
        let _ = writeln!(page, "| `{name}` | {opens} | {staff} | {admin} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_about_access_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/access.md");
        if std::env::var_os("MERCAT_RENEW").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == page(),
            "docs/access.md is out of date: run MERCAT_RENEW=1 cargo test --lib access"
        );
    }

    #[test]
    fn who_may_do_nothing_is_told_so_before_anything_else() {
        let closed = Rule::May(Permission::AuditRead);
        let cells = Asker::ALL.map(|asker| closed.cell(asker));
        let no = Cell::No(403);
        assert_eq!(cells, [Cell::No(401), no, no, no, Cell::Yes, no, Cell::Yes]);
        let own = Rule::OwnOrCart(Permission::OrdersRead);
        let cells = Asker::ALL.map(|asker| own.cell(asker));
        let (yes, not_theirs) = (Cell::Yes, Cell::No(404));
        assert_eq!(cells, [Cell::No(401), Cell::Own, not_theirs, yes, yes, no, yes]);
        let list = Rule::Own(Permission::OrdersRead);
        let cells = Asker::ALL.map(|asker| list.cell(asker));
        assert_eq!(cells, [Cell::No(401), Cell::Own, Cell::Own, yes, yes, no, yes]);
    }
}
