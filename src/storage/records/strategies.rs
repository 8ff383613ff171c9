//! Arbitrary values of everything that is stored, for property tests of this layer. They hold what
//! the types promise and nothing more: states that no rule leads to must be kept as well.

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
    OrderId, PaymentId, PersonId, ProductId, RefundId, Region, Sealed, Sku, StaffId, Timestamp,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn texts() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn boxed_texts() -> impl Strategy<Value = Box<str>> {
    texts().prop_map(Into::into)
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((texts(), texts()), 0..3)
}

fn times() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn currencies() -> impl Strategy<Value = Currency> {
    select(vec!["USD", "EUR", "JPY", "KWD", "XAU"])
        .prop_map(|code| Currency::from_code(code).unwrap())
}

fn amounts() -> impl Strategy<Value = Money> {
    (any::<i64>(), currencies()).prop_map(|(minor, currency)| Money::from_minor(minor, currency))
}

fn skus() -> impl Strategy<Value = Sku> {
    "[!-~é½]([ -~]{0,10}[!-~])?".prop_map(|text| text.parse().unwrap())
}

fn product_ids() -> impl Strategy<Value = ProductId> {
    "prod-[0-9A-Za-z_.-]{1,20}".prop_map(|text| text.parse().unwrap())
}

fn cart_ids() -> impl Strategy<Value = CartId> {
    any::<[u8; 22]>().prop_map(CartId::from_bytes)
}

fn order_ids() -> impl Strategy<Value = OrderId> {
    any::<[u8; 16]>().prop_map(OrderId::from_bytes)
}

fn refund_ids() -> impl Strategy<Value = RefundId> {
    any::<[u8; 16]>().prop_map(RefundId::from_bytes)
}

fn staff_ids() -> impl Strategy<Value = StaffId> {
    any::<[u8; 16]>().prop_map(StaffId::from_bytes)
}

fn customer_ids() -> impl Strategy<Value = CustomerId> {
    any::<[u8; 16]>().prop_map(CustomerId::from_bytes)
}

prop_compose! {
    pub(super) fn addresses()(
        (name, line1, city, country) in (texts(), texts(), texts(), texts()),
        (line2, region) in (of(texts()), of(texts())),
        (postal_code, phone) in (of(texts()), of(texts())),
    ) -> Address {
        Address { name, line1, line2, city, region, postal_code, country, phone }
    }
}

prop_compose! {
    fn offers()(
        sku in skus(),
        product_id in product_ids(),
        name in boxed_texts(),
        title in boxed_texts(),
        unit_price in amounts(),
    ) -> Offer {
        Offer { sku, product_id, name, title, unit_price }
    }
}

prop_compose! {
    fn cart_lines()(offer in offers(), quantity: u32) -> CartLine {
        let Offer { sku, product_id, name, title, unit_price } = offer;
        CartLine { sku, product_id, name, title, quantity, unit_price }
    }
}

prop_compose! {
    pub(super) fn carts()(
        currency in currencies(),
        status in prop_oneof![
            Just(CartStatus::Open),
            order_ids().prop_map(CartStatus::Ordered),
            Just(CartStatus::Abandoned),
            cart_ids().prop_map(CartStatus::Merged),
        ],
        lines in vec(cart_lines(), 0..4),
        recipient in of(recipients().prop_map(Box::new)),
        shipping_option in of(boxed_texts()),
        created_at in times(),
        updated_at in times(),
    ) -> Cart {
        Cart { currency, status, lines, recipient, shipping_option, created_at, updated_at }
    }
}

fn person_ids() -> impl Strategy<Value = PersonId> {
    any::<[u8; 16]>().prop_map(PersonId::from_bytes)
}

prop_compose! {
    fn recipients()(
        person in person_ids(),
        (country, region) in (texts(), of(texts())),
        sealed in sealed(),
    ) -> Recipient {
        Recipient { person, region: Region { country, region }, sealed }
    }
}

prop_compose! {
    pub(super) fn contacts()(
        (email, note) in (texts(), of(texts())),
        (shipping_address, billing_address) in (addresses(), of(addresses())),
    ) -> Contact {
        Contact { email, shipping_address, billing_address, note }
    }
}

fn cart_events() -> impl Strategy<Value = CartEvent> {
    prop_oneof![
        (currencies(), times()).prop_map(|(currency, at)| CartEvent::Created { currency, at }),
        (offers(), any::<u32>(), times()).prop_map(|(offer, quantity, at)| CartEvent::ItemAdded {
            offer,
            quantity,
            at
        }),
        (skus(), any::<u32>(), times()).prop_map(|(sku, quantity, at)| CartEvent::QuantitySet {
            sku,
            quantity,
            at
        }),
        (skus(), times()).prop_map(|(sku, at)| CartEvent::ItemRemoved { sku, at }),
        (recipients().prop_map(Box::new), times())
            .prop_map(|(recipient, at)| CartEvent::RecipientSet { recipient, at }),
        (boxed_texts(), times())
            .prop_map(|(option, at)| CartEvent::ShippingOptionSet { option, at }),
        (vec((skus(), amounts()), 0..3), times())
            .prop_map(|(prices, at)| CartEvent::Repriced { prices, at }),
        (order_ids(), times()).prop_map(|(order, at)| CartEvent::CheckedOut { order, at }),
        (order_ids(), times()).prop_map(|(order, at)| CartEvent::Reopened { order, at }),
        times().prop_map(|at| CartEvent::Abandoned { at }),
        (cart_ids(), times()).prop_map(|(cart, at)| CartEvent::MergedInto { cart, at }),
    ]
}

prop_compose! {
    fn line_totals()(
        subtotal in amounts(),
        discount in amounts(),
        tax in amounts(),
        total in amounts(),
    ) -> LineTotals {
        LineTotals { subtotal, discount, tax, total }
    }
}

prop_compose! {
    fn order_lines()(
        sku in skus(),
        product_id in product_ids(),
        name in texts(),
        title in texts(),
        quantity: u32,
        unit_price in amounts(),
        totals in line_totals(),
    ) -> OrderLine {
        OrderLine { sku, product_id, name, title, quantity, unit_price, totals }
    }
}

prop_compose! {
    fn shipping_options()(
        id in texts(),
        name in texts(),
        price in amounts(),
        min_days: u32,
        max_days: u32,
    ) -> ShippingOption {
        ShippingOption { id, name, price, min_days, max_days }
    }
}

prop_compose! {
    fn placed()(
        (number, cart, payment) in (any::<u64>(), cart_ids(), any::<[u8; 16]>()),
        (recipient, provider) in (recipients(), texts()),
        (currency, lines) in (currencies(), vec(order_lines(), 0..4)),
        (totals, shipping_price) in (line_totals(), amounts()),
        prices in select(vec![Prices::ExcludeTax, Prices::IncludeTax]),
        shipping in of(shipping_options()),
        collected in select(vec![Collected::Online, Collected::ByHand]),
        (expires_at, placed_at) in (times(), times()),
        attempt in of(any::<([u8; 16], [u8; 16])>()),
    ) -> Box<Placed> {
        Box::new(Placed {
            number,
            cart,
            recipient,
            currency,
            lines,
            subtotal: totals.subtotal,
            discount: totals.discount,
            shipping_price,
            tax: totals.tax,
            total: totals.total,
            prices,
            shipping,
            payment: PaymentId::from_bytes(payment),
            provider,
            collected,
            expires_at,
            placed_at,
            attempt: attempt.map(|(key, fingerprint)| Attempt { key, fingerprint }),
        })
    }
}

fn payment_states() -> impl Strategy<Value = PaymentState> {
    prop_oneof![
        Just(PaymentState::Pending),
        (texts(), texts())
            .prop_map(|(reference, url)| PaymentState::ActionNeeded { reference, url }),
        texts().prop_map(|reference| PaymentState::Authorized { reference }),
        texts().prop_map(|reference| PaymentState::Captured { reference }),
        texts().prop_map(|reason| PaymentState::Declined { reason }),
        Just(PaymentState::Voided),
    ]
}

fn payment_events() -> impl Strategy<Value = PaymentEvent> {
    prop_oneof![
        (texts(), texts())
            .prop_map(|(reference, url)| PaymentEvent::ActionNeeded { reference, url }),
        texts().prop_map(|reference| PaymentEvent::Authorized { reference }),
        texts().prop_map(|reference| PaymentEvent::Captured { reference }),
        texts().prop_map(|reason| PaymentEvent::Declined { reason }),
        Just(PaymentEvent::Voided),
    ]
}

fn cancel_reasons() -> impl Strategy<Value = CancelReason> {
    prop_oneof![
        of(texts()).prop_map(CancelReason::Requested),
        texts().prop_map(|reason| CancelReason::PaymentFailed { reason }),
        Just(CancelReason::Expired),
    ]
}

fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Live),
        cancel_reasons().prop_map(Ending::Closing),
        (cancel_reasons(), times()).prop_map(|(reason, at)| Ending::Cancelled { reason, at }),
    ]
}

prop_compose! {
    fn refunds()(
        id in refund_ids(),
        amount in amounts(),
        reason in texts(),
        state in prop_oneof![
            Just(RefundState::Started),
            Just(RefundState::Settled),
            texts().prop_map(|reason| RefundState::Failed { reason }),
        ],
        created_at in times(),
    ) -> Refund {
        Refund { id, amount, reason, state, created_at }
    }
}

prop_compose! {
    pub(super) fn orders()(
        placed in placed(),
        (provider, amount, state) in (texts(), amounts(), payment_states()),
        units in select(vec![Units::Reserved, Units::Sold, Units::Released]),
        ending in endings(),
        capture_wanted: bool,
        paid_at in of(times()),
        refunds in vec(refunds(), 0..3),
        updated_at in times(),
    ) -> Order {
        let payment = Payment { id: placed.payment, provider, amount, state };
        Order { placed, payment, units, ending, capture_wanted, paid_at, refunds, updated_at }
    }
}

fn order_events() -> impl Strategy<Value = OrderEvent> {
    prop_oneof![
        placed().prop_map(OrderEvent::Placed),
        (payment_events(), times()).prop_map(|(event, at)| OrderEvent::Payment { event, at }),
        times().prop_map(|at| OrderEvent::Paid { at }),
        times().prop_map(|at| OrderEvent::CaptureWanted { at }),
        (cancel_reasons(), times()).prop_map(|(reason, at)| OrderEvent::Closing { reason, at }),
        (refund_ids(), amounts(), texts(), times()).prop_map(|(refund, amount, reason, at)| {
            OrderEvent::RefundStarted { refund, amount, reason, at }
        }),
        (refund_ids(), times()).prop_map(|(refund, at)| OrderEvent::RefundSettled { refund, at }),
        (refund_ids(), texts(), times())
            .prop_map(|(refund, reason, at)| OrderEvent::RefundFailed { refund, reason, at }),
        (cancel_reasons(), times()).prop_map(|(reason, at)| OrderEvent::Cancelled { reason, at }),
    ]
}

prop_compose! {
    pub(super) fn levels()(
        on_hand: i64,
        reserved: i64,
        received: i64,
        sold: i64,
        backorder: bool,
        low_stock_at: Option<u32>,
    ) -> Level {
        Level { on_hand, reserved, received, sold, backorder, low_stock_at }
    }
}

prop_compose! {
    pub(super) fn reservations()(units: u32, expires_at in times()) -> Reservation {
        Reservation { units, expires_at }
    }
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        (order_ids(), any::<u32>(), times())
            .prop_map(|(order, units, expires_at)| Change::Reserve { order, units, expires_at }),
        (order_ids(), any::<u32>()).prop_map(|(order, units)| Change::Release { order, units }),
        (order_ids(), any::<u32>()).prop_map(|(order, units)| Change::Sell { order, units }),
        (order_ids(), any::<u32>()).prop_map(|(order, units)| Change::Return { order, units }),
        any::<i64>().prop_map(|delta| Change::Adjust { delta }),
    ]
}

fn movements() -> impl Strategy<Value = Movement> {
    (skus(), changes()).prop_map(|(sku, change)| Movement { sku, change })
}

fn stock_events() -> impl Strategy<Value = StockEvent> {
    prop_oneof![
        (any::<i64>(), texts(), of(texts()))
            .prop_map(|(delta, reason, note)| StockEvent::Adjusted { delta, reason, note }),
        any::<(bool, Option<u32>)>().prop_map(|(backorder, low_stock_at)| StockEvent::Configured {
            backorder,
            low_stock_at
        }),
        any::<i64>().prop_map(|available| StockEvent::RanLow { available }),
    ]
}

prop_compose! {
    fn variants()(
        (sku, title, options) in (skus(), texts(), pairs()),
        (price, compare_at_price) in (amounts(), of(amounts())),
        barcode in of(texts()),
        weight_grams: Option<u32>,
        image in of(texts()),
    ) -> Variant {
        Variant { sku, title, options, price, compare_at_price, barcode, weight_grams, image }
    }
}

prop_compose! {
    fn images()(url in texts(), alt in texts(), width: Option<u32>, height: Option<u32>) -> Image {
        Image { url, alt, width, height }
    }
}

prop_compose! {
    fn contents()(
        (handle, name, description) in (texts(), texts(), texts()),
        (category, brand) in (texts(), texts()),
        images in vec(images(), 0..3),
        (tags, attributes) in (vec(texts(), 0..3), pairs()),
        status in select(vec![
            ProductStatus::Draft,
            ProductStatus::Active,
            ProductStatus::Archived,
        ]),
        options in vec((texts(), vec(texts(), 0..3)), 0..3),
        variants in vec(variants(), 1..4),
        currency in currencies(),
    ) -> ProductContent {
        let option = |(name, values)| ProductOption { name, values };
        let options = options.into_iter().map(option).collect();
        ProductContent {
            handle,
            name,
            description,
            category,
            brand,
            images,
            tags,
            attributes,
            status,
            options,
            variants,
            currency,
        }
    }
}

prop_compose! {
    pub(super) fn products()(
        id in product_ids(),
        content in contents(),
        former_handles in vec(former_handles(), 0..3),
        created_at in times(),
        updated_at in times(),
    ) -> Product {
        Product { id, content, former_handles, created_at, updated_at }
    }
}

fn former_handles() -> impl Strategy<Value = FormerHandle> {
    (texts(), times()).prop_map(|(handle, left_at)| FormerHandle { handle, left_at })
}

fn product_events() -> impl Strategy<Value = ProductEvent> {
    prop_oneof![
        (contents().prop_map(Box::new), times())
            .prop_map(|(content, at)| ProductEvent::Created { content, at }),
        (contents().prop_map(Box::new), times())
            .prop_map(|(content, at)| ProductEvent::Updated { content, at }),
        times().prop_map(|at| ProductEvent::Archived { at }),
    ]
}

prop_compose! {
    pub(super) fn categories()(
        (handle, name, description) in (texts(), texts(), texts()),
        parent in of(texts()),
        created_at in times(),
        updated_at in times(),
    ) -> Category {
        Category { handle, name, description, parent, created_at, updated_at }
    }
}

prop_compose! {
    fn rules()(
        (category, brand, tag) in (of(texts()), of(texts()), of(texts())),
        min_price in of(amounts()),
        max_price in of(amounts()),
    ) -> Rule {
        Rule { category, brand, tag, min_price, max_price }
    }
}

prop_compose! {
    pub(super) fn collections()(
        (handle, name, description) in (texts(), texts(), texts()),
        members in prop_oneof![
            vec(product_ids(), 0..4).prop_map(Members::ByHand),
            rules().prop_map(Members::ByRule),
        ],
        created_at in times(),
        updated_at in times(),
    ) -> Collection {
        Collection { handle, name, description, members, created_at, updated_at }
    }
}

fn grouping_events() -> impl Strategy<Value = GroupingEvent> {
    prop_oneof![
        categories().prop_map(GroupingEvent::CategorySaved),
        texts().prop_map(|handle| GroupingEvent::CategoryDeleted { handle }),
        collections().prop_map(GroupingEvent::CollectionSaved),
        texts().prop_map(|handle| GroupingEvent::CollectionDeleted { handle }),
    ]
}

prop_compose! {
    fn announcements()(text in texts(), link in of(texts()), is_shown: bool) -> Announcement {
        Announcement { text, link, is_shown }
    }
}

prop_compose! {
    fn logos()(path in texts(), width: Option<u32>, height: Option<u32>) -> Logo {
        Logo { path, width, height }
    }
}

prop_compose! {
    fn formats()(
        language in texts(),
        numbers in select(vec![
            NumberFormat::CommaPoint,
            NumberFormat::PointComma,
            NumberFormat::BlankComma,
            NumberFormat::ApostrophePoint,
        ]),
        symbol in select(vec![SymbolPlace::Before, SymbolPlace::After]),
        dates in select(vec![
            DateFormat::YearMonthDay,
            DateFormat::DayMonthYear,
            DateFormat::DayMonthYearPoints,
            DateFormat::MonthDayYear,
        ]),
    ) -> Formats {
        Formats { language, numbers, symbol, dates }
    }
}

prop_compose! {
    fn shop_settings()(
        (name, tagline) in (texts(), texts()),
        logo in of(logos()),
        accent in any::<[u8; 3]>().prop_map(Color),
        announcement in announcements(),
        featured_collections in vec(texts(), 0..3),
        footer_links in pairs(),
        contact_email in of(texts()),
        formats in formats(),
    ) -> ShopSettings {
        let link = |(label, address)| FooterLink { label, address };
        let footer_links = footer_links.into_iter().map(link).collect();
        ShopSettings {
            name,
            tagline,
            logo,
            accent,
            announcement,
            featured_collections,
            footer_links,
            contact_email,
            formats,
        }
    }
}

pub(super) fn saved_settings() -> impl Strategy<Value = SavedSettings> {
    (shop_settings(), times()).prop_map(|(settings, saved_at)| SavedSettings { settings, saved_at })
}

fn settings_events() -> impl Strategy<Value = SettingsEvent> {
    (shop_settings().prop_map(Box::new), times())
        .prop_map(|(settings, at)| SettingsEvent::Updated { settings, at })
}

prop_compose! {
    pub(super) fn text_pages()(
        (handle, title, markdown) in (texts(), texts(), texts()),
        created_at in times(),
        updated_at in times(),
    ) -> TextPage {
        TextPage { handle, title, markdown, created_at, updated_at }
    }
}

fn text_page_events() -> impl Strategy<Value = TextPageEvent> {
    prop_oneof![
        text_pages().prop_map(TextPageEvent::Saved),
        texts().prop_map(|handle| TextPageEvent::Deleted { handle }),
    ]
}

fn roles() -> impl Strategy<Value = Role> {
    select(vec![Role::Staff, Role::Admin])
}

prop_compose! {
    pub(super) fn staff()(
        email in texts(),
        role in roles(),
        password_hash in texts(),
        removed_at in of(times()),
        created_at in times(),
        updated_at in times(),
    ) -> Staff {
        Staff { email, role, password_hash, removed_at, created_at, updated_at }
    }
}

fn staff_events() -> impl Strategy<Value = StaffEvent> {
    prop_oneof![
        (texts(), roles(), times()).prop_map(|(email, role, at)| StaffEvent::Created {
            email,
            role,
            at
        }),
        times().prop_map(|at| StaffEvent::PasswordChanged { at }),
        (roles(), times()).prop_map(|(role, at)| StaffEvent::RoleChanged { role, at }),
        times().prop_map(|at| StaffEvent::Removed { at }),
        (invitations(), sealed(), times()).prop_map(|(invitation, token, at)| {
            let Invitation { id, email, role, expires_at, .. } = invitation;
            StaffEvent::Invited { invitation: id, email, role, token, expires_at, at }
        }),
        (any::<[u8; 16]>(), times()).prop_map(|(id, at)| StaffEvent::InvitationWithdrawn {
            invitation: InvitationId::from_bytes(id),
            at
        }),
        api_keys().prop_map(|key| {
            let ApiKey { id, name, scopes, made_at, expires_at, .. } = key;
            StaffEvent::KeyMade { key: id, name, scopes, expires_at, at: made_at }
        }),
        (any::<[u8; 16]>(), times())
            .prop_map(|(id, at)| StaffEvent::KeyRevoked { key: ApiKeyId::from_bytes(id), at }),
        times().prop_map(|at| StaffEvent::SecondFactorSet { at }),
        times().prop_map(|at| StaffEvent::SecondFactorRemoved { at }),
        (any::<u32>(), times()).prop_map(|(left, at)| StaffEvent::RecoveryCodeUsed { left, at }),
        acts().prop_map(StaffEvent::Acted),
    ]
}

fn scopes() -> impl Strategy<Value = Permissions> {
    let all: Vec<Permission> = Permission::all().collect();
    vec(select(all), 0..4).prop_map(|some| some.into_iter().collect())
}

prop_compose! {
    fn api_keys()(
        id: [u8; 16],
        name in texts(),
        scopes in scopes(),
        made_by in staff_ids(),
        made_at in times(),
        expires_at in of(times()),
        used_at in of(times()),
    ) -> ApiKey {
        let id = ApiKeyId::from_bytes(id);
        ApiKey { id, name, scopes, made_by, made_at, expires_at, used_at }
    }
}

pub(super) fn api_key_rows() -> impl Strategy<Value = ApiKeyRow> {
    (api_keys(), any::<[u8; 32]>()).prop_map(|(key, hash)| ApiKeyRow { key, hash })
}

prop_compose! {
    fn invitations()(
        id: [u8; 16],
        email in texts(),
        role in roles(),
        made_by in staff_ids(),
        made_at in times(),
        expires_at in times(),
    ) -> Invitation {
        Invitation { id: InvitationId::from_bytes(id), email, role, made_by, made_at, expires_at }
    }
}

pub(super) fn invitation_rows() -> impl Strategy<Value = InvitationRow> {
    (invitations(), any::<[u8; 32]>())
        .prop_map(|(invitation, hash)| InvitationRow { invitation, hash })
}

pub(super) fn second_factor_rows() -> impl Strategy<Value = SecondFactorRow> {
    let on = (any::<u64>(), vec(any::<[u8; 32]>(), 0..3))
        .prop_map(|(last_step, recovery)| FactorState::On { last_step, recovery });
    let state = prop_oneof![Just(FactorState::Pending), on];
    (sealed(), state).prop_map(|(seed, state)| SecondFactorRow { seed, state })
}

pub(super) fn session_rows() -> impl Strategy<Value = SessionRow> {
    (sealed(), times()).prop_map(|(origin, used_at)| SessionRow { origin, used_at })
}

prop_compose! {
    fn acts()(
        texts in [texts(), texts(), texts(), texts()],
        key in of(any::<[u8; 16]>()),
        address in of(texts()),
        status: u16,
        at in times(),
    ) -> Act {
        let [method, route, path, request_id] = texts;
        let key = key.map(ApiKeyId::from_bytes);
        Act { method, route, path, key, address, request_id, status, at }
    }
}

prop_compose! {
    fn accounts()(
        person in person_ids(),
        profile in sealed(),
        claimed in vec(person_ids(), 0..3),
        cart in of(cart_ids()),
        verified_at in of(times()),
        registered_at in times(),
        updated_at in times(),
    ) -> Account {
        Account { person, profile, claimed, cart, verified_at, registered_at, updated_at }
    }
}

prop_compose! {
    pub(super) fn customer_rows()(
        customer in prop_oneof![
            accounts().prop_map(Customer::Active),
            (times(), times()).prop_map(|(registered_at, erased_at)| Customer::Erased {
                registered_at,
                erased_at
            }),
        ],
        password_hash in of(texts()),
    ) -> CustomerRow {
        CustomerRow { customer, password_hash }
    }
}

fn customer_events() -> impl Strategy<Value = CustomerEvent> {
    let profiles = || (sealed(), times());
    prop_oneof![
        (person_ids(), profiles()).prop_map(|(person, (profile, at))| CustomerEvent::Registered {
            person,
            profile,
            at
        }),
        times().prop_map(|at| CustomerEvent::Verified { at }),
        times().prop_map(|at| CustomerEvent::PasswordChanged { at }),
        profiles().prop_map(|(profile, at)| CustomerEvent::ProfileChanged { profile, at }),
        profiles().prop_map(|(profile, at)| CustomerEvent::AddressesChanged { profile, at }),
        times().prop_map(|at| CustomerEvent::Erased { at }),
        (vec(person_ids(), 0..3), times())
            .prop_map(|(people, at)| CustomerEvent::Claimed { people, at }),
        (cart_ids(), times()).prop_map(|(cart, at)| CustomerEvent::CartKept { cart, at }),
    ]
}

fn address_books() -> impl Strategy<Value = AddressBook> {
    let id = || any::<[u8; 16]>().prop_map(AddressId::from_bytes);
    (vec((id(), addresses()), 0..3), of(id()))
        .prop_map(|(entries, default)| AddressBook::restored(entries, default))
}

prop_compose! {
    pub(super) fn profiles()(
        email in texts(),
        wanted_email in of(texts()),
        name in of(texts()),
        phone in of(texts()),
        addresses in address_books(),
    ) -> Profile {
        Profile { email, wanted_email, name, phone, addresses }
    }
}

fn mail_kinds() -> impl Strategy<Value = MailKind> {
    select(MailKind::ALL.to_vec())
}

fn addressees() -> impl Strategy<Value = Addressee> {
    prop_oneof![
        customer_ids().prop_map(Addressee::Customer),
        staff_ids().prop_map(Addressee::Staff),
        order_ids().prop_map(Addressee::Order),
        any::<[u8; 16]>().prop_map(|id| Addressee::Invitation(InvitationId::from_bytes(id))),
    ]
}

fn reasons() -> impl Strategy<Value = GiveUp> {
    prop_oneof![
        any::<u16>().prop_map(|code| GiveUp::Refused { code }),
        select(vec![
            GiveUp::Unaddressable,
            GiveUp::TooLate,
            GiveUp::NoRecipient,
            GiveUp::Overtaken,
        ]),
    ]
}

fn mail_states() -> impl Strategy<Value = MailState> {
    prop_oneof![
        Just(MailState::Waiting),
        times().prop_map(|at| MailState::Sent { at }),
        (reasons(), times()).prop_map(|(reason, at)| MailState::GivenUp { reason, at }),
    ]
}

pub(super) fn waiting_mails() -> impl Strategy<Value = WaitingMail> {
    (any::<u32>(), times()).prop_map(|(tries, next_at)| WaitingMail { tries, next_at })
}

prop_compose! {
    pub(super) fn mails()(
        kind in mail_kinds(),
        to in addressees(),
        token in of(sealed()),
        wanted_at in times(),
        state in mail_states(),
    ) -> Mail {
        Mail { kind, to, token, wanted_at, state }
    }
}

fn mail_events() -> impl Strategy<Value = MailEvent> {
    prop_oneof![
        (mail_kinds(), addressees(), of(sealed()), times())
            .prop_map(|(kind, to, token, at)| MailEvent::Wanted { kind, to, token, at }),
        times().prop_map(|at| MailEvent::Sent { at }),
        (reasons(), times()).prop_map(|(reason, at)| MailEvent::GivenUp { reason, at }),
    ]
}

fn mail_ids() -> impl Strategy<Value = MailId> {
    any::<[u8; 16]>().prop_map(MailId::from_bytes)
}

/// Boxed, for one value of every strategy at once is more than the stack of a test holds.
fn facts() -> impl Strategy<Value = Fact> {
    prop_oneof![
        (cart_ids(), cart_events()).prop_map(|(id, event)| Fact::Cart(id, event)).boxed(),
        (order_ids(), order_events()).prop_map(|(id, event)| Fact::Order(id, event)).boxed(),
        (skus(), stock_events()).prop_map(|(sku, event)| Fact::Stock(sku, event)).boxed(),
        (product_ids(), product_events()).prop_map(|(id, event)| Fact::Product(id, event)).boxed(),
        grouping_events().prop_map(Fact::Grouping).boxed(),
        (staff_ids(), staff_events()).prop_map(|(id, event)| Fact::Staff(id, event)).boxed(),
        (customer_ids(), customer_events())
            .prop_map(|(id, event)| Fact::Customer(id, event))
            .boxed(),
        (mail_ids(), mail_events()).prop_map(|(id, event)| Fact::Mail(id, event)).boxed(),
        settings_events().prop_map(Fact::Settings).boxed(),
        text_page_events().prop_map(Fact::TextPage).boxed(),
    ]
}

prop_compose! {
    pub(super) fn logged_facts()(
        at in times(),
        fact in facts(),
        movements in vec(movements(), 0..4),
    ) -> LoggedFact {
        LoggedFact { at, fact, movements }
    }
}

prop_compose! {
    fn answers()(
        status: u16,
        headers in pairs(),
        body in bodies(),
        fingerprint: [u8; 16],
        at in times(),
    ) -> Answer {
        Answer { status, headers, body, fingerprint, at }
    }
}

fn bodies() -> impl Strategy<Value = Body> {
    prop_oneof![
        vec(any::<u8>(), 0..300).prop_map(Body::Plain),
        (person_ids(), sealed()).prop_map(|(person, packed)| Body::Sealed { person, packed }),
    ]
}

pub(super) fn packed_texts() -> impl Strategy<Value = PackedText> {
    vec(any::<u8>(), 0..300).prop_map(PackedText)
}

pub(super) fn key_rows() -> impl Strategy<Value = KeyRow> {
    prop_oneof![
        answers().prop_map(KeyRow::Done),
        (order_ids(), any::<[u8; 16]>())
            .prop_map(|(order, fingerprint)| KeyRow::Order { order, fingerprint }),
    ]
}

fn holders() -> impl Strategy<Value = TokenHolder> {
    prop_oneof![
        staff_ids().prop_map(TokenHolder::Staff),
        customer_ids().prop_map(TokenHolder::Customer),
    ]
}

prop_compose! {
    pub(super) fn identity_rows()(holder in holders(), issuer: String) -> IdentityRow {
        IdentityRow { holder, issuer }
    }
}

fn token_kinds() -> impl Strategy<Value = TokenKind> {
    let plain = vec![
        TokenKind::Access,
        TokenKind::Refresh,
        TokenKind::Verification,
        TokenKind::PasswordReset,
    ];
    prop_oneof![select(plain), times().prop_map(|until| TokenKind::Session { until })]
}

prop_compose! {
    pub(super) fn token_rows()(
        holder in holders(),
        kind in token_kinds(),
        expires_at in times(),
        family: [u8; 16],
    ) -> TokenRow {
        TokenRow { holder, kind, expires_at, family }
    }
}

pub(super) fn sealed() -> impl Strategy<Value = Sealed> {
    vec(any::<u8>(), 0..80).prop_map(Sealed::from_bytes)
}

pub(super) fn person_rows() -> impl Strategy<Value = PersonRow> {
    prop_oneof![
        (sealed(), select(vec![Standing::Guest, Standing::Regular]))
            .prop_map(|(wrapped, standing)| PersonRow::Known { wrapped, standing }),
        times().prop_map(|at| PersonRow::Forgotten { at }),
    ]
}

pub(super) fn key_rings() -> impl Strategy<Value = KeyRing> {
    let key = (any::<u32>(), sealed()).prop_map(|(id, wrapped)| WrappedKey { id, wrapped });
    vec(key, 0..3).prop_map(|keys| KeyRing { keys })
}
