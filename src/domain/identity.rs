//! Signing in with an identity that somebody else vouches for: which account it opens.
//!
//! An identity is a subject at an issuer (OpenID Connect Core 1.0, section 5.7: nothing else of it
//! is both unique and never given to another). It meets an account once, by an e-mail address that
//! the issuer has verified; from then on the subject alone counts, whatever becomes of the address.
//! An address that is not verified opens nothing: anybody can write down somebody else's.

use super::staff::Role;

/// What an identity provider says of the person who signed in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider's address, to the letter.
    pub issuer: String,
    /// The person's name at the issuer: unique there, and never given to another.
    pub subject: String,
    pub email: Option<String>,
    /// Whether the issuer says that the person reads mail to that address.
    pub email_verified: bool,
    pub name: Option<String>,
}

/// Whom a provider signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    Customers,
    Staff(StaffDoor),
}

/// Which staff a provider lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaffDoor {
    /// Domains of e-mail addresses, in lower case; with none, those of any.
    pub domains: Vec<String>,
    /// What somebody becomes who has no account yet; with none, nobody does.
    pub hires_as: Option<Role>,
}

/// The account that has the e-mail address of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namesake {
    pub kind: AccountKind,
    /// Whether another subject of the same issuer opens it.
    pub has_other: bool,
    /// Whether it is sure that whoever has the account reads mail to that address.
    pub is_proven: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    Staff,
    Customer,
}

/// What is to be done for an identity that the shop sees for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It opens the account that has its address from now on.
    Bind,
    /// It becomes a new member of staff.
    Hire(Role),
    /// It becomes a new customer, whose address is proven already.
    Register,
}

/// Why an identity opens no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityRejection {
    #[error("the identity provider gave no e-mail address: let it share yours with the shop")]
    NoEmail,
    #[error("the identity provider has not verified your e-mail address: verify it there first")]
    UnverifiedEmail,
    #[error("staff with such an e-mail address do not sign in with this identity provider")]
    ForeignDomain,
    #[error("nobody here has this e-mail address: ask the shop for an account")]
    NotInvited,
    /// Staff at a door for customers, or the other way around.
    #[error("this account does not sign in here: use its own way in")]
    OtherDoor,
    /// Somebody registered with the address and never proved it. They may have been lying in wait
    /// for its owner, with a password of theirs.
    #[error(
        "the account with this e-mail address was never proven: follow the link in its mail first, or set a new password"
    )]
    UnprovenAccount,
    /// The address was given to somebody else at the provider, or never was theirs.
    #[error("the account with this e-mail address belongs to another identity")]
    OtherIdentity,
}

impl Audience {
    pub fn kind(&self) -> AccountKind {
        match self {
            Audience::Customers => AccountKind::Customer,
            Audience::Staff(_) => AccountKind::Staff,
        }
    }

    /// Whether somebody without an account may be made staff here.
    pub fn hires(&self) -> bool {
        matches!(self, Audience::Staff(StaffDoor { hires_as: Some(_), .. }))
    }

    /// Whether an identity that opened an account of this kind before may open it still.
    pub fn readmit(&self, kind: AccountKind) -> Result<(), IdentityRejection> {
        if self.kind() == kind { Ok(()) } else { Err(IdentityRejection::OtherDoor) }
    }

    /// What becomes of an identity that the shop has not seen before; `namesake` is the account
    /// that has [`Identity::proven_email`].
    pub fn admit(
        &self,
        identity: &Identity,
        namesake: Option<Namesake>,
    ) -> Result<Admission, IdentityRejection> {
        let email = identity.proven_email()?;
        if let Audience::Staff(door) = self
            && !door.lets_in(&email)
        {
            return Err(IdentityRejection::ForeignDomain);
        }
        match (self, namesake) {
            (_, Some(own)) => {
                self.readmit(own.kind)?;
                if own.has_other {
                    return Err(IdentityRejection::OtherIdentity);
                }
                if !own.is_proven {
                    return Err(IdentityRejection::UnprovenAccount);
                }
                Ok(Admission::Bind)
            }
            (Audience::Customers, None) => Ok(Admission::Register),
            (Audience::Staff(door), None) => {
                door.hires_as.map(Admission::Hire).ok_or(IdentityRejection::NotInvited)
            }
        }
    }
}

impl StaffDoor {
    fn lets_in(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.domains.is_empty() || self.domains.iter().any(|own| own == domain)
    }
}

impl Identity {
    /// The e-mail address in lower case, if the issuer has verified it.
    pub fn proven_email(&self) -> Result<String, IdentityRejection> {
        let email = self.email.as_deref().map(str::trim).filter(|email| !email.is_empty());
        let email = email.ok_or(IdentityRejection::NoEmail)?;
        if !self.email_verified {
            return Err(IdentityRejection::UnverifiedEmail);
        }
        Ok(email.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Identity {
        Identity {
            issuer: "https://id.example".into(),
            subject: "1815".into(),
            email: Some("Ada@Example.com".into()),
            email_verified: true,
            name: None,
        }
    }

    fn staff(domains: &[&str], hires_as: Option<Role>) -> Audience {
        let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
        Audience::Staff(StaffDoor { domains, hires_as })
    }

    const COLLEAGUE: Namesake =
        Namesake { kind: AccountKind::Staff, has_other: false, is_proven: true };
    const SHOPPER: Namesake = Namesake { kind: AccountKind::Customer, ..COLLEAGUE };

    #[test]
    fn a_verified_address_opens_its_account_once() {
        assert_eq!(staff(&[], None).admit(&ada(), Some(COLLEAGUE)), Ok(Admission::Bind));
        assert_eq!(Audience::Customers.admit(&ada(), Some(SHOPPER)), Ok(Admission::Bind));
        for own in [COLLEAGUE, SHOPPER] {
            let taken = Namesake { has_other: true, ..own };
            let door = if own == SHOPPER { Audience::Customers } else { staff(&[], None) };
            assert_eq!(door.admit(&ada(), Some(taken)), Err(IdentityRejection::OtherIdentity));
        }
    }

    #[test]
    fn an_account_whose_address_was_never_proven_is_nobodys() {
        let squatted = Namesake { is_proven: false, ..SHOPPER };
        let refused = Audience::Customers.admit(&ada(), Some(squatted));
        assert_eq!(refused, Err(IdentityRejection::UnprovenAccount));
    }

    #[test]
    fn an_address_that_is_not_verified_opens_nothing() {
        let unverified = Identity { email_verified: false, ..ada() };
        let without = Identity { email: Some("  ".into()), ..ada() };
        for door in [Audience::Customers, staff(&[], Some(Role::Staff))] {
            for namesake in [None, Some(COLLEAGUE), Some(SHOPPER)] {
                let refused = door.admit(&unverified, namesake);
                assert_eq!(refused, Err(IdentityRejection::UnverifiedEmail));
                assert_eq!(door.admit(&without, namesake), Err(IdentityRejection::NoEmail));
            }
        }
    }

    #[test]
    fn who_is_not_there_is_hired_where_the_shop_says_so() {
        assert_eq!(staff(&[], None).admit(&ada(), None), Err(IdentityRejection::NotInvited));
        let hiring = staff(&["example.com"], Some(Role::Staff));
        assert_eq!(hiring.admit(&ada(), None), Ok(Admission::Hire(Role::Staff)));
    }

    #[test]
    fn anybody_with_a_proven_address_may_become_a_customer() {
        assert_eq!(Audience::Customers.admit(&ada(), None), Ok(Admission::Register));
    }

    #[test]
    fn staff_come_from_the_named_domains_to_the_letter() {
        for foreign in ["ada@evil.example", "ada@example.com.evil", "ada@sub.example.com", "ada"] {
            let identity = Identity { email: Some(foreign.into()), ..ada() };
            for namesake in [None, Some(COLLEAGUE)] {
                let refused = staff(&["example.com"], Some(Role::Staff)).admit(&identity, namesake);
                assert_eq!(refused, Err(IdentityRejection::ForeignDomain), "{foreign}");
            }
        }
    }

    #[test]
    fn customers_and_staff_each_have_their_door() {
        let refused = Err(IdentityRejection::OtherDoor);
        assert_eq!(Audience::Customers.admit(&ada(), Some(COLLEAGUE)), refused);
        assert_eq!(staff(&[], None).admit(&ada(), Some(SHOPPER)), refused);
        let readmit = |door: Audience, kind| door.readmit(kind);
        assert_eq!(readmit(Audience::Customers, AccountKind::Customer), Ok(()));
        assert_eq!(
            readmit(Audience::Customers, AccountKind::Staff),
            Err(IdentityRejection::OtherDoor)
        );
    }
}
