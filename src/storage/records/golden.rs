//! The bytes of each record as some version first wrote them, in `golden/*.hex`, one per line.
//!
//! A line that no longer fits means that files of merchants would no longer be read: the code is
//! wrong, not the line. A new version of a record gets a file of its own beside the older ones,
//! which stay and are read through `upgrade`.

use super::{
    Answer, ApiKeyRow, Body, CustomerRow, FactorState, IdentityRow, InvitationRow, KeyRing, KeyRow,
    LoggedFact, PackedText, PersonRow, Reservation, SecondFactorRow, SessionRow, Standing,
    TokenHolder, TokenKind, TokenRow, WaitingMail, WrappedKey,
};
use crate::domain::cart::{Cart, CartEvent, CartLine, CartStatus, Offer};
use crate::domain::catalog::{
    FormerHandle, Image, Product, ProductContent, ProductEvent, ProductOption, ProductStatus,
    Variant,
};
use crate::domain::color::Color;
use crate::domain::customer::{Account, Customer, CustomerEvent};
use crate::domain::event::Fact;
use crate::domain::formats::{DateFormat, Formats, NumberFormat, SymbolPlace};
use crate::domain::grouping::{Category, Collection, GroupingEvent, Members, Rule};
use crate::domain::mail::{Addressee, GiveUp, Mail, MailEvent, MailKind, MailState};
use crate::domain::order::{
    Attempt, CancelReason, Collected, Ending, Order, OrderEvent, OrderLine, Placed, Refund,
    RefundState, Units,
};
use crate::domain::payment::{Payment, PaymentEvent, PaymentState};
use crate::domain::permission::{Permission, Permissions};
use crate::domain::pricing::LineTotals;
use crate::domain::profile::{AddressBook, Profile};
use crate::domain::recipient::{Contact, Recipient};
use crate::domain::settings::{
    Announcement, FooterLink, Logo, SavedSettings, SettingsEvent, ShopSettings,
};
use crate::domain::shipping::ShippingOption;
use crate::domain::staff::{Act, ApiKey, Invitation, Role, Staff, StaffEvent};
use crate::domain::stock::{Change, Level, Movement, StockEvent};
use crate::domain::tax::Prices;
use crate::domain::text_page::{TextPage, TextPageEvent};
use crate::domain::{
    Address, AddressId, ApiKeyId, CartId, Currency, CustomerId, InvitationId, MailId, Money,
    OrderId, PaymentId, PersonId, ProductId, RefundId, Sealed, Sku, StaffId, Timestamp,
};
use crate::storage::codec::Stored;
use std::fmt::{Debug, Write};

/// Holds the lines of one version of a record to its samples, each line being `name: hex`. Lines of
/// the version written today must also come out of writing, and none may be missing.
#[track_caller]
fn check<T>(version: u8, golden: &str, samples: &[(&str, T)])
where
    T: Stored + PartialEq + Debug,
{
    let lines: Vec<(&str, &str)> =
        golden.lines().map(|line| line.split_once(": ").expect("name: hex")).collect();
    for (name, digits) in &lines {
        let (_, sample) =
            samples.iter().find(|(own, _)| own == name).expect("a sample of that name");
        let bytes = from_hex(digits);
        assert_eq!(bytes[0], version, "the version of {name}");
        assert_eq!(&T::from_bytes(&bytes).unwrap(), sample, "{name} is read as something else");
    }
    if version == T::VERSION {
        for (name, sample) in samples {
            let written = to_hex(&sample.to_bytes());
            let line = lines.iter().find(|(own, _)| own == name);
            assert_eq!(line, Some(&(*name, &*written)), "{name} is written as something else");
        }
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn from_hex(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_700_000_900_000);
const ORDER: OrderId = OrderId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00orderorder");
const CART: CartId = CartId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00cartcartcartcart");
const PAYMENT: PaymentId = PaymentId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00paymentpay");
const REFUND: RefundId = RefundId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00refundrefu");
const STAFF: StaffId = StaffId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00staffstaff");

const API_KEY: ApiKeyId = ApiKeyId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00apikeyapik");
const INVITATION: InvitationId = InvitationId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00invitation");
const PERSON: PersonId = PersonId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00personpers");
const MAIL: MailId = MailId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00mailmailma");
const CUSTOMER: CustomerId = CustomerId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00customercu");

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

fn sku() -> Sku {
    "KET-12-½".parse().unwrap()
}

fn product_id() -> ProductId {
    "prod-01hf7yat00f1rdt7jqe0vk9b2n".parse().unwrap()
}

fn address() -> Address {
    Address {
        name: "Ada Lövel".into(),
        line1: "1 Main St".into(),
        line2: Some("Flat 2".into()),
        city: "Salem".into(),
        region: Some("OR".into()),
        postal_code: Some("97301".into()),
        country: "US".into(),
        phone: None,
    }
}

fn recipient() -> Recipient {
    Recipient {
        person: PERSON,
        region: address().region(),
        sealed: Sealed::from_bytes(vec![0xdd; 40]),
    }
}

fn cart() -> Cart {
    Cart {
        currency: Currency::USD,
        status: CartStatus::Open,
        lines: vec![CartLine {
            sku: sku(),
            product_id: product_id(),
            name: "Stoneware kettle".into(),
            title: "1.2 l / blue".into(),
            quantity: 2,
            unit_price: usd(4_999),
        }],
        recipient: None,
        shipping_option: None,
        created_at: NOON,
        updated_at: LATER,
    }
}

fn placed() -> Box<Placed> {
    Box::new(Placed {
        number: 1001,
        cart: CART,
        recipient: recipient(),
        currency: Currency::USD,
        lines: vec![OrderLine {
            sku: sku(),
            product_id: product_id(),
            name: "Stoneware kettle".into(),
            title: "1.2 l / blue".into(),
            quantity: 2,
            unit_price: usd(4_999),
            totals: LineTotals {
                subtotal: usd(9_998),
                discount: usd(0),
                tax: usd(800),
                total: usd(10_798),
            },
        }],
        subtotal: usd(9_998),
        discount: usd(0),
        shipping_price: usd(500),
        tax: usd(800),
        total: usd(11_298),
        prices: Prices::ExcludeTax,
        shipping: Some(ShippingOption {
            id: "standard".into(),
            name: "Standard".into(),
            price: usd(500),
            min_days: 2,
            max_days: 5,
        }),
        payment: PAYMENT,
        provider: "test".into(),
        collected: Collected::Online,
        expires_at: LATER,
        placed_at: NOON,
        attempt: Some(Attempt { key: [0xaa; 16], fingerprint: [0xbb; 16] }),
    })
}

/// An order of which everything is there, in its first state.
fn order() -> Order {
    let placed = placed();
    Order {
        payment: Payment {
            id: PAYMENT,
            provider: "test".into(),
            amount: placed.total,
            state: PaymentState::Pending,
        },
        placed,
        units: Units::Reserved,
        ending: Ending::Live,
        capture_wanted: false,
        paid_at: None,
        refunds: vec![],
        updated_at: NOON,
    }
}

fn refund(state: RefundState) -> Refund {
    Refund { id: REFUND, amount: usd(11_298), reason: "broken".into(), state, created_at: LATER }
}

fn content() -> ProductContent {
    ProductContent {
        handle: "stoneware-kettle".into(),
        name: "Stoneware kettle".into(),
        description: "<p>Keeps warm.</p>".into(),
        category: "Kitchen".into(),
        brand: "Alder".into(),
        images: vec![Image {
            url: "/media/kettle.svg".into(),
            alt: "A kettle".into(),
            width: Some(640),
            height: None,
        }],
        tags: vec!["tea".into(), "gift".into()],
        attributes: vec![("Material".into(), "Stoneware".into())],
        status: ProductStatus::Active,
        options: vec![ProductOption {
            name: "Colour".into(),
            values: vec!["blue".into(), "red".into()],
        }],
        variants: vec![Variant {
            sku: sku(),
            title: "1.2 l / blue".into(),
            options: vec![("Colour".into(), "blue".into())],
            price: usd(4_999),
            compare_at_price: Some(usd(5_999)),
            barcode: Some("4006381333931".into()),
            weight_grams: Some(900),
            image: Some("/media/blue.svg".into()),
        }],
        currency: Currency::USD,
    }
}

fn product(status: ProductStatus) -> Product {
    let content = ProductContent { status, ..content() };
    let former = FormerHandle { handle: "kettle".into(), left_at: NOON };
    let former_handles = if status == ProductStatus::Draft { vec![] } else { vec![former] };
    Product { id: product_id(), content, former_handles, created_at: NOON, updated_at: LATER }
}

fn category() -> Category {
    Category {
        handle: "kettles".into(),
        name: "Kettles".into(),
        description: "For tea.".into(),
        parent: Some("kitchen".into()),
        created_at: NOON,
        updated_at: LATER,
    }
}

fn collection(members: Members) -> Collection {
    Collection {
        handle: "gifts".into(),
        name: "Gifts".into(),
        description: String::new(),
        members,
        created_at: NOON,
        updated_at: LATER,
    }
}

fn text_page() -> TextPage {
    TextPage {
        handle: "about".into(),
        title: "Über uns".into(),
        markdown: "We make *kettles*.".into(),
        created_at: NOON,
        updated_at: LATER,
    }
}

fn settings() -> ShopSettings {
    ShopSettings {
        name: "Kettles & Söhne".into(),
        tagline: "Warm since 1902".into(),
        logo: Some(Logo { path: "/media/a.png".into(), width: Some(640), height: None }),
        accent: Color([0x0e, 0x5a, 0x46]),
        announcement: Announcement {
            text: "Free delivery".into(),
            link: Some("/pages/returns".into()),
            is_shown: true,
        },
        featured_collections: vec!["gifts".into()],
        footer_links: vec![FooterLink { label: "Terms".into(), address: "/pages/terms".into() }],
        contact_email: Some("a@b.example".into()),
        formats: Formats {
            language: "de".into(),
            numbers: NumberFormat::PointComma,
            symbol: SymbolPlace::After,
            dates: DateFormat::DayMonthYearPoints,
        },
    }
}

fn rule() -> Rule {
    Rule {
        category: Some("Kitchen".into()),
        brand: Some("Alder".into()),
        tag: Some("gift".into()),
        min_price: Some(usd(1_000)),
        max_price: Some(Money::from_minor(-1, Currency::EUR)),
    }
}

#[test]
fn carts_keep_their_bytes() {
    let samples = [
        ("open", cart()),
        (
            "ordered",
            Cart {
                status: CartStatus::Ordered(ORDER),
                recipient: Some(Box::new(recipient())),
                shipping_option: Some("standard".into()),
                ..cart()
            },
        ),
        ("abandoned", Cart { status: CartStatus::Abandoned, lines: vec![], ..cart() }),
        ("merged", Cart { status: CartStatus::Merged(CART), ..cart() }),
    ];
    check(1, include_str!("golden/cart.v1.hex"), &samples);
}

#[test]
fn text_pages_keep_their_bytes() {
    check(1, include_str!("golden/page.v1.hex"), &[("about", text_page())]);
}

#[test]
fn settings_keep_their_bytes() {
    let saved = |settings| SavedSettings { settings, saved_at: NOON };
    let rest = Formats {
        language: "fr".into(),
        numbers: NumberFormat::BlankComma,
        symbol: SymbolPlace::Before,
        dates: DateFormat::MonthDayYear,
    };
    let swiss = Formats {
        numbers: NumberFormat::ApostrophePoint,
        dates: DateFormat::DayMonthYear,
        ..rest.clone()
    };
    let with = |formats| ShopSettings { formats, ..ShopSettings::default() };
    let samples = [
        ("full", saved(settings())),
        ("bare", saved(ShopSettings::default())),
        ("french", saved(with(rest))),
        ("swiss", saved(with(swiss))),
    ];
    check(1, include_str!("golden/settings.v1.hex"), &samples);
}

#[test]
fn orders_keep_their_bytes() {
    let paid = |state: PaymentState| Order {
        payment: Payment { state, ..order().payment },
        units: Units::Sold,
        paid_at: Some(LATER),
        ..order()
    };
    let reference = || "test-1".to_owned();
    let captured = || paid(PaymentState::Captured { reference: reference() });
    let ended = |ending: Ending| Order { units: Units::Released, ending, ..order() };
    let by_hand = Placed {
        prices: Prices::IncludeTax,
        shipping: None,
        collected: Collected::ByHand,
        attempt: None,
        ..*placed()
    };
    let samples = [
        ("pending", order()),
        ("by_hand", Order { placed: Box::new(by_hand), ..order() }),
        (
            "action_needed",
            paid(PaymentState::ActionNeeded {
                reference: reference(),
                url: "https://a.b/c".into(),
            }),
        ),
        (
            "authorized",
            Order {
                capture_wanted: true,
                ..paid(PaymentState::Authorized { reference: reference() })
            },
        ),
        ("captured", captured()),
        ("declined", paid(PaymentState::Declined { reason: "no funds".into() })),
        ("voided", paid(PaymentState::Voided)),
        ("closing", ended(Ending::Closing(CancelReason::Requested(None)))),
        ("expired", ended(Ending::Cancelled { reason: CancelReason::Expired, at: LATER })),
        (
            "failed",
            ended(Ending::Closing(CancelReason::PaymentFailed { reason: "no funds".into() })),
        ),
        (
            "refunded",
            Order {
                ending: Ending::Cancelled {
                    reason: CancelReason::Requested(Some("too late".into())),
                    at: LATER,
                },
                refunds: vec![
                    refund(RefundState::Failed { reason: "closed account".into() }),
                    refund(RefundState::Started),
                    refund(RefundState::Settled),
                ],
                ..captured()
            },
        ),
    ];
    check(1, include_str!("golden/order.v1.hex"), &samples);
}

#[test]
fn stock_keeps_its_bytes() {
    let level = Level {
        on_hand: 300,
        reserved: 2,
        received: 310,
        sold: 10,
        backorder: false,
        low_stock_at: None,
    };
    let levels = [
        ("strict", level),
        ("backorder", Level { on_hand: -4, backorder: true, low_stock_at: Some(5), ..level }),
    ];
    check(1, include_str!("golden/level.v1.hex"), &levels);
    let reservation = [("two", Reservation { units: 2, expires_at: LATER })];
    check(1, include_str!("golden/reservation.v1.hex"), &reservation);
}

#[test]
fn products_keep_their_bytes() {
    let samples = [
        ("draft", product(ProductStatus::Draft)),
        ("active", product(ProductStatus::Active)),
        ("archived", product(ProductStatus::Archived)),
    ];
    check(1, include_str!("golden/product.v1.hex"), &samples);
}

#[test]
fn categories_and_collections_keep_their_bytes() {
    check(1, include_str!("golden/category.v1.hex"), &[("kettles", category())]);
    let collections = [
        ("by_hand", collection(Members::ByHand(vec![product_id()]))),
        ("by_rule", collection(Members::ByRule(rule()))),
    ];
    check(1, include_str!("golden/collection.v1.hex"), &collections);
}

#[test]
fn staff_keep_their_bytes() {
    let member = |role| Staff {
        email: "ada@example.com".into(),
        role,
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into(),
        removed_at: None,
        created_at: NOON,
        updated_at: LATER,
    };
    let removed = Staff { removed_at: Some(LATER), ..member(Role::Staff) };
    let samples =
        [("staff", member(Role::Staff)), ("admin", member(Role::Admin)), ("removed", removed)];
    check(1, include_str!("golden/staff.v1.hex"), &samples);
}

#[test]
fn ways_in_keep_their_bytes() {
    let key = |expires_at, used_at| ApiKeyRow {
        key: ApiKey {
            id: API_KEY,
            name: "warehouse".into(),
            scopes: scopes(),
            made_by: STAFF,
            made_at: NOON,
            expires_at,
            used_at,
        },
        hash: [9; 32],
    };
    let keys = [("lasting", key(None, None)), ("used", key(Some(LATER), Some(NOON)))];
    check(1, include_str!("golden/api_key.v1.hex"), &keys);
    let invitation = Invitation {
        id: INVITATION,
        email: "eve@example.com".into(),
        role: Role::Staff,
        made_by: STAFF,
        made_at: NOON,
        expires_at: LATER,
    };
    let invitations = [("staff", InvitationRow { invitation, hash: [9; 32] })];
    check(1, include_str!("golden/invitation.v1.hex"), &invitations);
}

#[test]
fn second_factors_and_sessions_keep_their_bytes() {
    let factor = |state| SecondFactorRow { seed: Sealed::from_bytes(vec![7; 24]), state };
    let on = FactorState::On { last_step: 56_666_667, recovery: vec![[9; 32], [8; 32]] };
    let factors = [("pending", factor(FactorState::Pending)), ("on", factor(on))];
    check(1, include_str!("golden/second_factor.v1.hex"), &factors);
    let origin = Sealed::from_bytes(vec![7; 24]);
    let sessions = [("used", SessionRow { origin, used_at: LATER })];
    check(1, include_str!("golden/session.v1.hex"), &sessions);
}

fn scopes() -> Permissions {
    [Permission::ProductsRead, Permission::InventoryWrite].into_iter().collect()
}

#[test]
fn customers_keep_their_bytes() {
    let account = |verified_at: Option<Timestamp>| {
        Customer::Active(Account {
            person: PERSON,
            profile: sealed(),
            claimed: verified_at.map(|_| PERSON).into_iter().collect(),
            cart: verified_at.map(|_| CART),
            verified_at,
            registered_at: NOON,
            updated_at: LATER,
        })
    };
    let erased = Customer::Erased { registered_at: NOON, erased_at: LATER };
    let password = || Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned());
    let row = |customer, password_hash| CustomerRow { customer, password_hash };
    let samples = [
        ("registered", row(account(None), password())),
        ("verified", row(account(Some(LATER)), None)),
        ("erased", row(erased, None)),
    ];
    check(1, include_str!("golden/customer.v1.hex"), &samples);
}

fn sealed() -> Sealed {
    Sealed::from_bytes((*b"sealed").into())
}

#[test]
fn profiles_keep_their_bytes() {
    let bare = Profile::new("ada@example.com".into(), None);
    let home = AddressId::from_bytes(*b"\x01\x8b\xcf\xe5\x68\x00addressadd");
    let full = Profile {
        wanted_email: Some("ada@example.org".into()),
        name: Some("Ada Lövel".into()),
        phone: Some("+1 555 0100".into()),
        addresses: AddressBook::restored(vec![(home, address())], Some(home)),
        ..bare.clone()
    };
    check(1, include_str!("golden/profile.v1.hex"), &[("bare", bare), ("full", full)]);
}

const REASONS: [(&str, GiveUp); 5] = [
    ("refused", GiveUp::Refused { code: 550 }),
    ("unaddressable", GiveUp::Unaddressable),
    ("too late", GiveUp::TooLate),
    ("no recipient", GiveUp::NoRecipient),
    ("overtaken", GiveUp::Overtaken),
];

#[test]
fn mails_keep_their_bytes() {
    let state = MailState::Waiting;
    let mail = |kind, to| Mail { kind, to, token: None, wanted_at: NOON, state };
    let (customer, staff) = (Addressee::Customer(CUSTOMER), Addressee::Staff(STAFF));
    let wanted = Mail { token: Some(sealed()), ..mail(MailKind::PasswordReset, staff) };
    let samples = [
        ("wanted", wanted),
        (
            "sent",
            Mail { state: MailState::Sent { at: LATER }, ..mail(MailKind::Verification, customer) },
        ),
        ("email change", mail(MailKind::EmailChange, customer)),
        ("email change requested", mail(MailKind::EmailChangeRequested, customer)),
        ("already registered", mail(MailKind::AlreadyRegistered, customer)),
        ("password changed", mail(MailKind::PasswordChanged, customer)),
        ("staff invitation", mail(MailKind::StaffInvitation, Addressee::Invitation(INVITATION))),
        ("order placed", mail(MailKind::OrderPlaced, Addressee::Order(ORDER))),
    ];
    let given_up = REASONS.map(|(name, reason)| {
        let state = MailState::GivenUp { reason, at: LATER };
        (name, Mail { state, ..mail(MailKind::PasswordChanged, customer) })
    });
    check(1, include_str!("golden/mail.v1.hex"), &[&samples[..], &given_up].concat());
    let samples = [("tried", WaitingMail { tries: 3, next_at: LATER })];
    check(1, include_str!("golden/waiting-mail.v1.hex"), &samples);
}

#[test]
fn idempotency_keys_keep_their_bytes() {
    let answer = Answer {
        status: 201,
        headers: vec![("content-type".into(), "application/json".into())],
        body: Body::Plain(br#"{"id":"order-1"}"#.to_vec()),
        fingerprint: [0xbb; 16],
        at: NOON,
    };
    let packed = Sealed::from_bytes(vec![0xdd; 40]);
    let sealed = Answer { body: Body::Sealed { person: PERSON, packed }, ..answer.clone() };
    let samples = [
        ("done", KeyRow::Done(answer)),
        ("done, of a person", KeyRow::Done(sealed)),
        ("order", KeyRow::Order { order: ORDER, fingerprint: [0xbb; 16] }),
    ];
    check(1, include_str!("golden/key.v1.hex"), &samples);
}

#[test]
fn tokens_keep_their_bytes() {
    let token = |holder, kind| TokenRow { holder, kind, expires_at: LATER, family: [0xcc; 16] };
    let (staff, customer) = (TokenHolder::Staff(STAFF), TokenHolder::Customer(CUSTOMER));
    let samples = [
        ("access", token(staff, TokenKind::Access)),
        ("refresh", token(staff, TokenKind::Refresh)),
        ("customer", token(customer, TokenKind::Access)),
        ("verification", token(customer, TokenKind::Verification)),
        ("password reset", token(customer, TokenKind::PasswordReset)),
        ("session", token(customer, TokenKind::Session { until: LATER })),
    ];
    check(1, include_str!("golden/token.v1.hex"), &samples);
}

#[test]
fn what_is_sealed_keeps_its_bytes() {
    let contact = Contact {
        email: "ada@example.com".into(),
        shipping_address: address(),
        billing_address: None,
        note: None,
    };
    let whole = Contact {
        billing_address: Some(address()),
        note: Some("ring twice".into()),
        ..contact.clone()
    };
    check(1, include_str!("golden/contact.v1.hex"), &[("contact", contact), ("whole", whole)]);
    check(1, include_str!("golden/address.v1.hex"), &[("address", address())]);
    let text = PackedText(br#"{"orderId":"order-1"}"#.to_vec());
    check(1, include_str!("golden/text.v1.hex"), &[("text", text)]);
}

#[test]
fn keys_of_persons_and_of_the_shop_keep_their_bytes() {
    let wrapped = || Sealed::from_bytes(vec![0xdd; 73]);
    let samples = [
        ("guest", PersonRow::Known { wrapped: wrapped(), standing: Standing::Guest }),
        ("regular", PersonRow::Known { wrapped: wrapped(), standing: Standing::Regular }),
        ("forgotten", PersonRow::Forgotten { at: NOON }),
    ];
    check(1, include_str!("golden/person.v1.hex"), &samples);
    let keys = vec![1, 300].into_iter().map(|id| WrappedKey { id, wrapped: wrapped() });
    let samples = [("ring", KeyRing { keys: keys.collect() })];
    check(1, include_str!("golden/ring.v1.hex"), &samples);
}

#[test]
fn identities_keep_their_bytes() {
    let identity = |holder| IdentityRow { holder, issuer: "https://id.example".into() };
    let samples = [
        ("staff", identity(TokenHolder::Staff(STAFF))),
        ("customer", identity(TokenHolder::Customer(CUSTOMER))),
    ];
    check(1, include_str!("golden/identity.v1.hex"), &samples);
}

#[test]
fn events_keep_their_bytes() {
    let facts = [cart_facts(), order_facts(), other_facts()].concat();
    let mut samples: Vec<(&str, LoggedFact)> = facts
        .into_iter()
        .map(|(name, fact)| (name, LoggedFact { at: NOON, fact, movements: vec![] }))
        .collect();
    samples.push(("order.created", order_created()));
    samples.push(("every movement", every_movement()));
    check(1, include_str!("golden/event.v1.hex"), &samples);
}

fn order_created() -> LoggedFact {
    let change = Change::Reserve { order: ORDER, units: 2, expires_at: LATER };
    LoggedFact {
        at: NOON,
        fact: Fact::Order(ORDER, OrderEvent::Placed(placed())),
        movements: vec![Movement { sku: sku(), change }],
    }
}

fn every_movement() -> LoggedFact {
    let (order, units) = (ORDER, 2);
    let changes = [
        Change::Reserve { order, units, expires_at: LATER },
        Change::Release { order, units },
        Change::Sell { order, units },
        Change::Return { order, units },
        Change::Adjust { delta: -3 },
    ];
    let movements = changes.map(|change| Movement { sku: sku(), change }).to_vec();
    let fact = Fact::Order(ORDER, OrderEvent::Paid { at: LATER });
    LoggedFact { at: NOON, fact, movements }
}

fn cart_facts() -> Vec<(&'static str, Fact)> {
    let offer = Offer {
        sku: sku(),
        product_id: product_id(),
        name: "Stoneware kettle".into(),
        title: "1.2 l / blue".into(),
        unit_price: usd(4_999),
    };
    let events = vec![
        ("cart, created", CartEvent::Created { currency: Currency::USD, at: NOON }),
        ("cart, item added", CartEvent::ItemAdded { offer, quantity: 2, at: NOON }),
        ("cart, quantity set", CartEvent::QuantitySet { sku: sku(), quantity: 300, at: NOON }),
        ("cart, item removed", CartEvent::ItemRemoved { sku: sku(), at: NOON }),
        (
            "cart, shipping address set",
            CartEvent::RecipientSet { recipient: Box::new(recipient()), at: NOON },
        ),
        (
            "cart, shipping option set",
            CartEvent::ShippingOptionSet { option: "standard".into(), at: NOON },
        ),
        ("cart, repriced", CartEvent::Repriced { prices: vec![(sku(), usd(4_500))], at: NOON }),
        ("cart, checked out", CartEvent::CheckedOut { order: ORDER, at: NOON }),
        ("cart, reopened", CartEvent::Reopened { order: ORDER, at: NOON }),
        ("cart, abandoned", CartEvent::Abandoned { at: NOON }),
        ("cart, merged", CartEvent::MergedInto { cart: CART, at: NOON }),
    ];
    events.into_iter().map(|(name, event)| (name, Fact::Cart(CART, event))).collect()
}

fn order_facts() -> Vec<(&'static str, Fact)> {
    let reference = || "test-1".to_owned();
    let payment = |event: PaymentEvent| OrderEvent::Payment { event, at: NOON };
    let failed = || CancelReason::PaymentFailed { reason: "no funds".into() };
    let asked = |words: Option<&str>| CancelReason::Requested(words.map(Into::into));
    let events = vec![
        (
            "order, action needed",
            payment(PaymentEvent::ActionNeeded {
                reference: reference(),
                url: "https://a.b/c".into(),
            }),
        ),
        ("order, authorized", payment(PaymentEvent::Authorized { reference: reference() })),
        ("order, captured", payment(PaymentEvent::Captured { reference: reference() })),
        ("order, declined", payment(PaymentEvent::Declined { reason: "no funds".into() })),
        ("order, voided", payment(PaymentEvent::Voided)),
        ("order, paid", OrderEvent::Paid { at: NOON }),
        ("order, capture wanted", OrderEvent::CaptureWanted { at: NOON }),
        ("order, closing", OrderEvent::Closing { reason: asked(None), at: NOON }),
        ("order, closing, failed", OrderEvent::Closing { reason: failed(), at: NOON }),
        (
            "order, refund started",
            OrderEvent::RefundStarted {
                refund: REFUND,
                amount: usd(11_298),
                reason: "broken".into(),
                at: NOON,
            },
        ),
        ("order, refund settled", OrderEvent::RefundSettled { refund: REFUND, at: NOON }),
        (
            "order, refund failed",
            OrderEvent::RefundFailed { refund: REFUND, reason: "closed account".into(), at: NOON },
        ),
        ("order, cancelled", OrderEvent::Cancelled { reason: asked(Some("late")), at: NOON }),
        ("order, expired", OrderEvent::Cancelled { reason: CancelReason::Expired, at: NOON }),
    ];
    events.into_iter().map(|(name, event)| (name, Fact::Order(ORDER, event))).collect()
}

fn other_facts() -> Vec<(&'static str, Fact)> {
    let stock = |event: StockEvent| Fact::Stock(sku(), event);
    let product = |event: ProductEvent| Fact::Product(product_id(), event);
    let staff = |event: StaffEvent| Fact::Staff(STAFF, event);
    let customer = |event: CustomerEvent| Fact::Customer(CUSTOMER, event);
    let mail = |event: MailEvent| Fact::Mail(MAIL, event);
    let content = || Box::new(content());
    let handle = || "kettles".to_owned();
    let by_rule = collection(Members::ByRule(rule()));
    vec![
        (
            "stock, adjusted",
            stock(StockEvent::Adjusted {
                delta: -3,
                reason: "damaged".into(),
                note: Some("fell".into()),
            }),
        ),
        (
            "stock, configured",
            stock(StockEvent::Configured { backorder: true, low_stock_at: Some(5) }),
        ),
        ("stock, ran low", stock(StockEvent::RanLow { available: 5 })),
        ("product, created", product(ProductEvent::Created { content: content(), at: NOON })),
        ("product, updated", product(ProductEvent::Updated { content: content(), at: NOON })),
        ("product, archived", product(ProductEvent::Archived { at: NOON })),
        ("category, saved", Fact::Grouping(GroupingEvent::CategorySaved(category()))),
        ("category, deleted", Fact::Grouping(GroupingEvent::CategoryDeleted { handle: handle() })),
        ("collection, saved", Fact::Grouping(GroupingEvent::CollectionSaved(by_rule))),
        (
            "collection, deleted",
            Fact::Grouping(GroupingEvent::CollectionDeleted { handle: handle() }),
        ),
        (
            "staff, created",
            staff(StaffEvent::Created {
                email: "ada@example.com".into(),
                role: Role::Admin,
                at: NOON,
            }),
        ),
        ("staff, password changed", staff(StaffEvent::PasswordChanged { at: NOON })),
        ("staff, role changed", staff(StaffEvent::RoleChanged { role: Role::Staff, at: NOON })),
        ("staff, removed", staff(StaffEvent::Removed { at: NOON })),
        (
            "staff, invited",
            staff(StaffEvent::Invited {
                invitation: INVITATION,
                email: "eve@example.com".into(),
                role: Role::Staff,
                token: Sealed::from_bytes(vec![7; 40]),
                expires_at: LATER,
                at: NOON,
            }),
        ),
        (
            "staff, invitation withdrawn",
            staff(StaffEvent::InvitationWithdrawn { invitation: INVITATION, at: NOON }),
        ),
        (
            "staff, key made",
            staff(StaffEvent::KeyMade {
                key: API_KEY,
                name: "warehouse".into(),
                scopes: scopes(),
                expires_at: Some(LATER),
                at: NOON,
            }),
        ),
        ("staff, key revoked", staff(StaffEvent::KeyRevoked { key: API_KEY, at: NOON })),
        ("staff, second factor set", staff(StaffEvent::SecondFactorSet { at: NOON })),
        ("staff, second factor removed", staff(StaffEvent::SecondFactorRemoved { at: NOON })),
        ("staff, recovery code used", staff(StaffEvent::RecoveryCodeUsed { left: 9, at: NOON })),
        (
            "staff, acted",
            staff(StaffEvent::Acted(Act {
                method: "POST".into(),
                route: "/v1/orders/{orderId}/cancel".into(),
                path: "/v1/orders/order-1/cancel".into(),
                key: Some(API_KEY),
                address: Some("192.0.2.7".into()),
                request_id: "req-1".into(),
                status: 200,
                at: NOON,
            })),
        ),
        (
            "customer, registered",
            customer(CustomerEvent::Registered { person: PERSON, profile: sealed(), at: NOON }),
        ),
        ("customer, verified", customer(CustomerEvent::Verified { at: NOON })),
        ("customer, password changed", customer(CustomerEvent::PasswordChanged { at: NOON })),
        (
            "customer, profile changed",
            customer(CustomerEvent::ProfileChanged { profile: sealed(), at: NOON }),
        ),
        (
            "customer, addresses changed",
            customer(CustomerEvent::AddressesChanged { profile: sealed(), at: NOON }),
        ),
        ("customer, claimed", customer(CustomerEvent::Claimed { people: vec![PERSON], at: NOON })),
        ("customer, cart kept", customer(CustomerEvent::CartKept { cart: CART, at: NOON })),
        ("customer, erased", customer(CustomerEvent::Erased { at: NOON })),
        (
            "mail, wanted",
            mail(MailEvent::Wanted {
                kind: MailKind::Verification,
                to: Addressee::Customer(CUSTOMER),
                token: Some(sealed()),
                at: NOON,
            }),
        ),
        ("mail, sent", mail(MailEvent::Sent { at: NOON })),
        (
            "settings, updated",
            Fact::Settings(SettingsEvent::Updated { settings: Box::new(settings()), at: NOON }),
        ),
        ("page, saved", Fact::TextPage(TextPageEvent::Saved(text_page()))),
        ("page, deleted", Fact::TextPage(TextPageEvent::Deleted { handle: handle() })),
        ("mail, given up", mail(MailEvent::GivenUp { reason: GiveUp::TooLate, at: NOON })),
    ]
}
