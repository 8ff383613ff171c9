//! Reads what the books need from the shop, and settles with it what clients were left in doubt of.

use super::books::{Level, Log, State, Stock, Stored};
use super::clerk::{Clerk, ClerkError, List};
use super::ledger::{Attempt, Bought, Ledger};
use super::scenarios::Scenario;
use super::scenarios::buying::{Counter, heard};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Keys that are used a second time after a run, at the most.
const REPEATED: usize = 200;

/// How long doubts are asked about, and unfinished payments waited for.
const PATIENCE: Duration = Duration::from_secs(60);

const PAGE: usize = 100;

/// Where the books stand before a run.
pub struct Opening {
    orders: u64,
    last_event: u64,
    pending: u64,
    levels: HashMap<String, Level>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LevelJson {
    sku: String,
    on_hand: i64,
    reserved: i64,
    backorder: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderJson {
    order_id: Box<str>,
    status: Box<str>,
    items: Vec<ItemJson>,
}

#[derive(Deserialize)]
struct ItemJson {
    sku: Box<str>,
    quantity: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventJson<'a> {
    event_id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    entity: EntityJson<'a>,
}

#[derive(Deserialize)]
struct EntityJson<'a> {
    id: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventsMeta {
    has_more: bool,
}

#[derive(Deserialize)]
struct Events<'a> {
    #[serde(borrow)]
    data: Vec<EventJson<'a>>,
    meta: EventsMeta,
}

/// Reads where everything stands.
pub async fn open(clerk: &mut Clerk, scenario: &Scenario) -> Result<Opening, ClerkError> {
    Ok(Opening {
        orders: orders(clerk, "").await?,
        pending: orders(clerk, "&status=pending_payment").await?,
        last_event: last_event(clerk).await?,
        levels: levels(clerk, scenario).await?,
    })
}

/// Asks again about everything that is in doubt, and about some that is not; then reads what became
/// of the shop since `opening`.
pub async fn close(
    clerk: &mut Clerk,
    opening: &Opening,
    ledger: &mut Ledger,
    scenario: &Scenario,
) -> Result<State, ClerkError> {
    let counter = &scenario.counter;
    settle(clerk, ledger, counter).await;
    repeat(clerk, ledger, counter).await;
    let unpaid = ledger.bought.iter().filter(|bought| !bought.is_paid).count() as u64;
    let since = Instant::now();
    // Payments that are still under way hold units.
    while orders(clerk, "&status=pending_payment").await? > opening.pending + unpaid
        && since.elapsed() < PATIENCE
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let after = levels(clerk, scenario).await?;
    let level =
        |levels: &HashMap<String, Level>, sku: &str| levels.get(sku).copied().unwrap_or_default();
    let stock = |sku: &String| Stock {
        sku: sku.clone(),
        before: level(&opening.levels, sku),
        after: level(&after, sku),
    };
    Ok(State {
        orders: placed(clerk, opening.orders).await?,
        skus: sold(scenario).map(stock).collect(),
        log: log(clerk, opening.last_event).await?,
    })
}

/// How many orders there are of a kind.
async fn orders(clerk: &mut Clerk, filter: &str) -> Result<u64, ClerkError> {
    let list = clerk.get(&format!("/v1/orders?limit=1{filter}")).await?;
    Ok(list["meta"]["totalItems"].as_u64().unwrap_or_default())
}

fn parsed<'a, T: Deserialize<'a>>(what: &str, body: &'a [u8]) -> Result<T, ClerkError> {
    serde_json::from_slice(body)
        .map_err(|source| ClerkError::Unreadable { what: what.to_owned(), source })
}

/// The orders that came after the first `before`, newest first.
async fn placed(clerk: &mut Clerk, before: u64) -> Result<Vec<Stored>, ClerkError> {
    let (mut found, mut page) = (Vec::new(), 1);
    loop {
        let path = format!("/v1/orders?limit={PAGE}&page={page}");
        let answer = clerk.fetch(&path).await?;
        let list: List<OrderJson> = parsed(&path, &answer.body)?;
        let new = usize::try_from(list.meta.total_items.saturating_sub(before)).unwrap_or(0);
        let is_last = list.data.len() < PAGE;
        found.extend(list.data.into_iter().map(|order| Stored {
            id: order.order_id,
            status: order.status,
            lines: order.items.into_iter().map(|item| (item.sku, item.quantity)).collect(),
        }));
        if is_last || found.len() >= new {
            found.truncate(new);
            return Ok(found);
        }
        page += 1;
    }
}

/// What a scenario may sell.
fn sold(scenario: &Scenario) -> impl Iterator<Item = &String> {
    scenario.goods.skus().filter(|_| scenario.journey.sells())
}

async fn levels(
    clerk: &mut Clerk,
    scenario: &Scenario,
) -> Result<HashMap<String, Level>, ClerkError> {
    let (mut found, mut page) = (HashMap::new(), 1);
    let count = sold(scenario).count();
    if count <= PAGE {
        // The whole list may be much longer.
        for place in 0..count as u32 {
            let path = format!("/v1/inventory/{}", scenario.goods.path_of(place));
            let answer = clerk.fetch(&path).await?;
            let LevelJson { sku, on_hand, reserved, backorder } = parsed(&path, &answer.body)?;
            found.insert(sku, Level { on_hand, reserved, backorder });
        }
        return Ok(found);
    }
    loop {
        let path = format!("/v1/inventory?limit={PAGE}&page={page}");
        let answer = clerk.fetch(&path).await?;
        let list: List<LevelJson> = parsed(&path, &answer.body)?;
        let is_last = list.data.len() < PAGE;
        found.extend(list.data.into_iter().map(|own| {
            let LevelJson { sku, on_hand, reserved, backorder } = own;
            (sku, Level { on_hand, reserved, backorder })
        }));
        if is_last {
            return Ok(found);
        }
        page += 1;
    }
}

/// The number of the newest event, as the shop's figures tell it.
async fn last_event(clerk: &mut Clerk) -> Result<u64, ClerkError> {
    let answer = clerk.fetch("/metrics").await?;
    let text = String::from_utf8_lossy(&answer.body);
    let line = text.lines().find_map(|line| line.strip_prefix("mercat_events_total "));
    Ok(line.and_then(|number| number.trim().parse().ok()).unwrap_or_default())
}

/// Reads the log from behind `last` to its end.
async fn log(clerk: &mut Clerk, mut last: u64) -> Result<Log, ClerkError> {
    let mut log = Log::default();
    loop {
        let path = format!("/v1/events?limit={PAGE}&after=evt-{last:013}");
        let answer = clerk.fetch(&path).await?;
        let events: Events<'_> = parsed(&path, &answer.body)?;
        for event in &events.data {
            let number = event.event_id.trim_start_matches("evt-").parse().unwrap_or(0);
            log.follow(last, number);
            last = number;
            if event.kind == "order.created" {
                *log.placed.entry((*event.entity.id).into()).or_default() += 1;
            }
        }
        if !events.meta.has_more || events.data.is_empty() {
            return Ok(log);
        }
    }
}

/// Asks about what nobody knows, under the same key, until it is known or patience is at its end.
async fn settle(clerk: &mut Clerk, ledger: &mut Ledger, counter: &Counter) {
    let since = Instant::now();
    for attempt in std::mem::take(&mut ledger.uncertain) {
        loop {
            match ask(clerk, counter, &attempt).await {
                Told::Bought(bought) => {
                    ledger.bought.push(bought);
                    break;
                }
                Told::Refused => {
                    ledger.refused += 1;
                    break;
                }
                Told::Nothing if since.elapsed() > PATIENCE => {
                    ledger.uncertain.push(attempt);
                    break;
                }
                Told::Nothing => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Uses keys of orders a second time: the same order must come back.
async fn repeat(clerk: &mut Clerk, ledger: &mut Ledger, counter: &Counter) {
    let every = ledger.bought.len().div_ceil(REPEATED).max(1);
    let some: Vec<Bought> = ledger.bought.iter().step_by(every).cloned().collect();
    for first in some {
        ledger.repeated += 1;
        let key = first.attempt.number;
        match ask(clerk, counter, &first.attempt).await {
            Told::Bought(again) if again.order == first.order => {}
            Told::Bought(again) => ledger
                .contradictions
                .push(format!("key {key} first gave {} and then {}", first.order, again.order)),
            Told::Refused | Told::Nothing => ledger
                .contradictions
                .push(format!("key {key} gave {} and then no order", first.order)),
        }
    }
}

enum Told {
    Bought(Bought),
    Refused,
    Nothing,
}

async fn ask(clerk: &mut Clerk, counter: &Counter, attempt: &Attempt) -> Told {
    let request = counter.checkout(clerk.target(), &attempt.cart, attempt.number);
    let key = ("idempotency-key", counter.key(attempt.number));
    match clerk.send_as_guest(request, key).await {
        Ok(answer) if answer.status.is_success() => {
            heard(attempt.clone(), &answer).map_or(Told::Nothing, Told::Bought)
        }
        Ok(answer) if answer.status.is_client_error() && answer.status != 429 => {
            // In use means under way.
            let is_under_way = answer.body.windows(6).any(|part| part == b"in_use");
            if is_under_way { Told::Nothing } else { Told::Refused }
        }
        Ok(_) | Err(_) => Told::Nothing,
    }
}
