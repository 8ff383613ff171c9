//! What the shop writes, in words: a subject, a plain text and a page for each kind of letter.
//!
//! Links are made of the configured public address alone. The words of an order's letter are in
//! `templates/mail/order-placed.*`; those of all others are here, and share one template.

use crate::domain::mail::MailKind;
use crate::domain::order::{Collected, Order, OrderLine, OrderStatus};
use crate::domain::recipient::Contact;
use crate::domain::tax::Prices;
use crate::domain::{Address, OrderId, Timestamp};
use askama::Template;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may not stand in a query as it is (RFC 3986, section 2.3).
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What all letters of a shop have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letterhead {
    /// The shop's name.
    pub shop: String,
    /// The shop's address without a slash at its end.
    pub public_url: String,
}

/// The words of one letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// An order with what is known of the person who placed it.
pub struct PlacedOrder<'a> {
    pub id: OrderId,
    /// What the link to its page shows.
    pub key: &'a str,
    pub order: &'a Order,
    pub contact: &'a Contact,
}

/// One amount of an order's sum.
struct Sum {
    label: String,
    amount: String,
}

struct Line<'a> {
    name: &'a str,
    /// Absent where there is nothing to choose from.
    title: Option<&'a str>,
    quantity: u32,
    unit_price: String,
    subtotal: String,
}

struct OrderPlaced<'a> {
    shop: &'a str,
    home: &'a str,
    subject: String,
    name: &'a str,
    number: u64,
    url: String,
    /// How the money stands.
    money: String,
    lines: Vec<Line<'a>>,
    sums: Vec<Sum>,
    total: String,
    shipping: Option<String>,
    ship_to: Vec<&'a str>,
    bill_to: Vec<&'a str>,
    note: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "mail/order-placed.txt")]
struct OrderPlacedText<'a> {
    letter: &'a OrderPlaced<'a>,
}

#[derive(Template)]
#[template(path = "mail/order-placed.html")]
struct OrderPlacedPage<'a> {
    letter: &'a OrderPlaced<'a>,
}

/// A short letter: what happened, a button perhaps, and what else there is to know.
struct Notice<'a> {
    shop: &'a str,
    home: &'a str,
    subject: &'static str,
    name: Option<&'a str>,
    before: &'static [&'static str],
    action: Option<Action>,
    after: &'static [&'static str],
}

struct Action {
    label: &'static str,
    url: String,
}

#[derive(Template)]
#[template(path = "mail/notice.txt")]
struct NoticeText<'a> {
    letter: &'a Notice<'a>,
}

#[derive(Template)]
#[template(path = "mail/notice.html")]
struct NoticePage<'a> {
    letter: &'a Notice<'a>,
}

impl Letterhead {
    /// An order's page, which is opened by its key.
    fn order(&self, id: OrderId, key: &str) -> String {
        format!("{}/orders/{id}?key={key}", self.public_url)
    }

    /// A page that carries a token on.
    fn page(&self, path: &str, token: &str) -> String {
        let token = utf8_percent_encode(token, &RESERVED);
        format!("{}{path}?token={token}", self.public_url)
    }
}

/// The letter that says thank you, and what was ordered.
pub fn order_placed(head: &Letterhead, placed: &PlacedOrder<'_>) -> Words {
    let agreed = &placed.order.placed;
    let letter = OrderPlaced {
        shop: &head.shop,
        home: &head.public_url,
        subject: format!("Your order {}", agreed.number),
        name: &placed.contact.shipping_address.name,
        number: agreed.number,
        url: head.order(placed.id, placed.key),
        money: money(placed.order),
        lines: agreed.lines.iter().map(Line::from).collect(),
        sums: sums(placed.order),
        total: agreed.total.to_string(),
        shipping: agreed.shipping.as_ref().map(|option| {
            format!("{}, {} to {} days", option.name, option.min_days, option.max_days)
        }),
        ship_to: address(&placed.contact.shipping_address),
        bill_to: placed.contact.billing_address.as_ref().map(address).unwrap_or_default(),
        note: placed.contact.note.as_deref(),
    };
    Words {
        text: rendered(&OrderPlacedText { letter: &letter }),
        html: rendered(&OrderPlacedPage { letter: &letter }),
        subject: letter.subject,
    }
}

/// A letter about an account; `token` is what its link carries.
pub fn notice(head: &Letterhead, kind: MailKind, name: Option<&str>, token: Option<&str>) -> Words {
    let Wording { subject, before, link, after } = wording(kind);
    let action =
        link.zip(token).map(|((label, path), token)| Action { label, url: head.page(path, token) });
    let (shop, home) = (&*head.shop, &*head.public_url);
    let letter = Notice { shop, home, subject, name, before, action, after };
    Words {
        subject: format!("{}: {subject}", head.shop),
        text: rendered(&NoticeText { letter: &letter }),
        html: rendered(&NoticePage { letter: &letter }),
    }
}

fn rendered(template: &impl Template) -> String {
    template.render().expect("a template that is written to a string does not fail")
}

/// What a short letter says.
struct Wording {
    subject: &'static str,
    before: &'static [&'static str],
    /// The button's words, and the path that takes its token.
    link: Option<(&'static str, &'static str)>,
    after: &'static [&'static str],
}

/// The page on which a new password is chosen.
const NEW_PASSWORD: &str = "/account/new-password";
/// The page on which somebody joins the staff.
const INVITATION: &str = "/account/invitation";
/// The page on which an address is proven.
const CONFIRM: &str = "/account/confirm";

fn wording(kind: MailKind) -> Wording {
    match kind {
        MailKind::Verification => Wording {
            subject: "Confirm your address",
            before: &["Welcome! Please confirm that this is your mail address."],
            link: Some(("Confirm the address", CONFIRM)),
            after: &["If you did not open an account here, you need not do anything."],
        },
        MailKind::EmailChange => Wording {
            subject: "Confirm your new address",
            before: &["You asked for this mail address to be used for your account."],
            link: Some(("Use this address", CONFIRM)),
            after: &["If that was not you, you need not do anything: nothing changes."],
        },
        MailKind::EmailChangeRequested => Wording {
            subject: "Another address for your account",
            before: &[
                "Somebody who is signed in to your account asked for another mail address. It takes the place of this one once it is confirmed.",
            ],
            link: None,
            after: &["If that was not you, change your password at once, and answer this mail."],
        },
        MailKind::AlreadyRegistered => Wording {
            subject: "You have an account already",
            before: &[
                "Somebody, perhaps you, wanted to open an account with this mail address. There is one already, and nothing about it has changed.",
                "If you have forgotten your password, you can choose a new one.",
            ],
            link: Some(("Choose a new password", NEW_PASSWORD)),
            after: &["If that was not you, you need not do anything."],
        },
        MailKind::PasswordReset => Wording {
            subject: "Choose a new password",
            before: &["You asked for a new password. The link can be used once, and not for long."],
            link: Some(("Choose a new password", NEW_PASSWORD)),
            after: &[
                "If that was not you, you need not do anything: your password stays as it is.",
            ],
        },
        MailKind::PasswordChanged => Wording {
            subject: "Your password was changed",
            before: &[
                "The password of your account was changed just now, and everybody who was signed in with the old one is signed out.",
            ],
            link: None,
            after: &["If that was not you, ask for a new password at once, and answer this mail."],
        },
        MailKind::StaffInvitation => Wording {
            subject: "You are asked to join the staff",
            before: &["You are invited to help run this shop. Choose a password to begin."],
            link: Some(("Choose a password", INVITATION)),
            after: &["If you did not expect this, you need not do anything."],
        },
        // Orders have a letter of their own; this is what is left to say without one.
        MailKind::OrderPlaced => Wording {
            subject: "We have your order",
            before: &["Thank you for your order."],
            link: None,
            after: &[],
        },
    }
}

fn money(order: &Order) -> String {
    match (order.status(), order.placed.collected) {
        (OrderStatus::Paid, _) => "It is paid, and we get it ready.".to_owned(),
        (_, Collected::ByHand) => format!(
            "We get it ready as soon as your payment of {} has arrived, and keep everything for you until {}.",
            order.placed.total,
            day(order.placed.expires_at)
        ),
        (OrderStatus::PendingPayment | OrderStatus::Cancelled, Collected::Online) => {
            "The payment is not complete yet.".to_owned()
        }
    }
}

fn sums(order: &Order) -> Vec<Sum> {
    let placed = &order.placed;
    let sum = |label: &str, amount: String| Sum { label: label.to_owned(), amount };
    let mut sums = vec![sum("Subtotal", placed.subtotal.to_string())];
    if !placed.discount.is_zero() {
        sums.push(sum("Discount", format!("−{}", placed.discount)));
    }
    sums.push(sum("Shipping", placed.shipping_price.to_string()));
    let tax = match placed.prices {
        Prices::IncludeTax => "Tax (in the prices)",
        Prices::ExcludeTax => "Tax",
    };
    if !placed.tax.is_zero() {
        sums.push(sum(tax, placed.tax.to_string()));
    }
    sums
}

impl<'a> From<&'a OrderLine> for Line<'a> {
    fn from(line: &'a OrderLine) -> Line<'a> {
        Line {
            name: &line.name,
            // What the only variant of a product is called by.
            title: Some(&*line.title).filter(|title| !title.is_empty() && *title != "Default"),
            quantity: line.quantity,
            unit_price: line.unit_price.to_string(),
            subtotal: line.totals.subtotal.to_string(),
        }
    }
}

fn address(address: &Address) -> Vec<&str> {
    let Address { name, line1, line2, city, region, postal_code, country, phone: _ } = address;
    let parts = [
        Some(name),
        Some(line1),
        line2.as_ref(),
        postal_code.as_ref(),
        Some(city),
        region.as_ref(),
        Some(country),
    ];
    parts.into_iter().flatten().map(String::as_str).filter(|part| !part.is_empty()).collect()
}

/// Such as `7 March 2026`, in UTC.
fn day(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    time.strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::OrderEvent;
    use crate::domain::order::tests::{NOON, id, placed};
    use crate::domain::payment::PaymentEvent;
    use crate::domain::recipient::tests::contact;

    fn head() -> Letterhead {
        let public_url = "https://shop.example".to_owned();
        Letterhead { shop: "Alder & Co".into(), public_url }
    }

    fn order(collected: Collected, paid: bool) -> Order {
        let mut order = Order::apply(None, &OrderEvent::Placed(placed(collected, 2)));
        if paid {
            let event = PaymentEvent::Captured { reference: "r".into() };
            order = Order::apply(order, &OrderEvent::Payment { event, at: NOON });
        }
        order.unwrap()
    }

    fn written(order: &Order) -> Words {
        let contact = Contact { note: Some("ring <twice>".into()), ..contact() };
        let placed = PlacedOrder { id: id(), key: "k3y", order, contact: &contact };
        order_placed(&head(), &placed)
    }

    #[test]
    fn an_orders_letter_says_what_how_much_and_where_to() {
        let words = written(&order(Collected::Online, true));
        let order = order(Collected::Online, true);
        let link = format!("https://shop.example/orders/{}?key=k3y", id());
        assert_eq!(words.subject, "Your order 1001");
        for text in [&words.text, &words.html] {
            for part in [
                "Ada",
                "1001",
                &link,
                "Kettle",
                "2 × 9.99 USD",
                "19.98 USD",
                "Subtotal",
                "Shipping",
                "Tax",
                &order.placed.total.to_string(),
                "1 Main St",
                "97301",
                "Salem",
                "It is paid",
            ] {
                assert!(text.contains(part), "{part} is missing in {text}");
            }
            assert!(!text.contains("Discount") && !text.contains("Default"), "{text}");
        }
        assert!(words.text.contains("ring <twice>") && words.text.contains("Alder & Co"));
        assert!(words.html.contains("ring &#60;twice&#62;"), "{}", words.html);
        assert!(!words.html.contains("<script") && !words.html.contains("<table"));
    }

    #[test]
    fn an_order_that_is_paid_by_hand_says_until_when() {
        let words = written(&order(Collected::ByHand, false));
        assert!(words.text.contains("until 14 November 2023"), "{}", words.text);
        assert!(!words.text.contains("It is paid"));
        let words = written(&order(Collected::ByHand, true));
        assert!(words.text.contains("It is paid"), "{}", words.text);
    }

    #[test]
    fn a_token_is_in_the_link_of_those_letters_that_carry_one() {
        for kind in MailKind::ALL {
            let words = notice(&head(), kind, Some("Ada <b>"), Some("a/b c"));
            let has_link = wording(kind).link.is_some();
            for text in [&words.text, &words.html] {
                assert_eq!(text.contains("?token=a%2Fb%20c"), has_link, "{kind:?}: {text}");
                assert!(text.contains("https://shop.example"), "{text}");
            }
            assert!(words.text.starts_with("Hello Ada <b>,\n\n"), "{}", words.text);
            assert!(words.html.contains("Hello Ada &#60;b&#62;,"), "{}", words.html);
            assert!(words.subject.starts_with("Alder & Co: "));
            let nobody = notice(&head(), kind, None, None);
            assert!(!nobody.text.contains("Hello") && !nobody.text.contains("token"));
        }
    }
}
