//! `mercat bench` as a person runs it: short loads of every kind, whose figures are looked at for
//! sense and whose books must agree; and one whose books do not, which must fail.
//!
//! Nothing here says how fast anything is: the machine may be busy.

mod program;

use mercat::bench::report::{Http, Load, Report, Run};
use program::{Bench, Shop};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const STORED: &str = "every acknowledged order is stored";

/// The one run of a report, which must be right.
#[track_caller]
fn one(report: &Report) -> &Run {
    let [run] = &report.runs[..] else { panic!("{} runs", report.runs.len()) };
    right(run)
}

#[track_caller]
fn right(run: &Run) -> &Run {
    let wrong: Vec<_> = run.books.iter().filter(|finding| !finding.holds).collect();
    assert!(wrong.is_empty(), "{}: {wrong:?}", run.name());
    assert_eq!(run.outcomes.errors(), 0, "{run:?}");
    let verified = run.books.iter().any(|finding| finding.rule.contains("mercat verify"));
    assert!(verified, "the folder was verified: {:?}", run.books);
    run
}

/// `12 acknowledged, 12 stored`.
#[track_caller]
fn stored(run: &Run) -> &str {
    let finding = run.books.iter().find(|finding| finding.rule == STORED);
    &finding.expect("the books were opened").detail
}

#[test]
fn guests_buy_and_the_books_agree() {
    let report = Bench::new(["checkout", "--connections", "8"]).report();
    let run = one(&report);
    assert_eq!((run.load, run.http), (Load::Closed { connections: 8 }, Http::One));
    assert_eq!((run.scenario.as_str(), run.products), ("checkout", 40));
    assert!(!stored(run).starts_with("0 "), "each connection bought something: {}", stored(run));
    assert_eq!(run.timeline.len(), 1);
    assert!(run.server_memory_peak_bytes.is_none_or(|bytes| bytes > 1 << 20));
    assert!(report.command.starts_with("mercat bench checkout"), "{}", report.command);
    assert_eq!(report.machine.cores as usize, std::thread::available_parallelism().unwrap().get());
}

#[test]
fn of_five_units_five_are_sold() {
    let sale = ["flash-sale", "--connections", "12", "--units", "5", "--carts", "30"];
    let report = Bench::new(sale).report();
    assert_eq!(stored(one(&report)), "5 acknowledged, 5 stored");
}

#[test]
fn an_order_by_bank_transfer_keeps_its_units_reserved() {
    let sale = ["flash-sale", "--payment", "manual", "--carts", "20", "--skus", "3"];
    let report = Bench::new(sale).report();
    let run = one(&report);
    let conserved = run.books.iter().find(|finding| finding.rule == "stock is conserved");
    assert_eq!(conserved.map(|finding| &*finding.detail), Some("0 units sold"));
    assert!(!stored(run).starts_with("0 "), "{}", stored(run));
}

#[test]
fn reads_carts_and_searches_run() {
    for scenario in ["browse", "not-modified", "search", "cart"] {
        let report = Bench::new([scenario, "--connections", "4"]).report();
        let run = one(&report);
        assert_eq!(run.scenario, scenario);
        let durable = run.operations.iter().any(|operation| operation.durable);
        assert!(run.operations.is_empty() || durable == (scenario == "cart"), "{run:?}");
    }
}

#[test]
fn http2_carries_several_requests_at_once() {
    let mix = ["mixed", "--http2", "--connections", "2", "--streams", "4", "--threads", "2"];
    let report = Bench::new(mix).report();
    assert_eq!(one(&report).http, Http::Two);
}

#[test]
fn what_is_due_is_due_whatever_becomes_of_it() {
    // The same seed, the same arrivals: of a rate that no connection can keep, most are never sent.
    let rates = ["browse", "--rates", "20,40000", "--connections", "2"];
    let report = Bench::new(rates).report();
    let [calm, flood] = &report.runs[..] else { panic!("two runs") };
    assert_eq!(right(calm).load, Load::Open { rate: 20.0, connections: 2 });
    assert_eq!(calm.variant.as_deref(), Some("20/s"));
    let due: u64 = right(flood).timeline.iter().filter_map(|second| second.intended).sum();
    assert!((39_000..41_000).contains(&due), "{due}");
    let sent = flood.outcomes.sent();
    assert!(sent < due, "{sent} of {due} were answered");
    // Those that were never sent have waited, and are among the slowest.
    assert!(flood.latency.count > sent, "{} latencies of {sent}", flood.latency.count);
    let told = flood.marks.iter().any(|mark| mark.what.contains("never begun"));
    assert!(told, "{:?}", flood.marks);
}

#[test]
fn a_sale_of_few_units_is_sold_out_in_order() {
    let sale = ["drop", "--units", "3", "--rate", "60", "--factors", "1,2", "--connections", "4"];
    let report = Bench::new(sale).report();
    let [usual, large] = &report.runs[..] else { panic!("two runs") };
    assert_eq!((usual.variant.as_deref(), large.variant.as_deref()), (Some("×1"), Some("×2")));
    for run in [usual, large] {
        assert_eq!(stored(right(run)), "3 acknowledged, 3 stored", "{run:?}");
    }
}

#[test]
fn catalogs_and_connections_make_a_grid() {
    let grid = ["size", "--sizes", "20,60", "--widths", "1,3", "--of", "product"];
    let report = Bench::new(grid).report();
    let cells: Vec<_> = report.runs.iter().map(|run| (run.products, run.load)).collect();
    let closed = |connections| Load::Closed { connections };
    assert_eq!(cells, [(20, closed(1)), (20, closed(3)), (60, closed(1)), (60, closed(3))]);
    for run in &report.runs {
        right(run);
    }
}

#[test]
fn a_flood_is_looked_at_before_in_and_after_it() {
    let flood = ["flood", "--of", "product", "--connections", "8", "--duration", "2"];
    let report = Bench::new(flood).any_report();
    let [ceiling, flood] = &report.runs[..] else { panic!("two runs") };
    assert_eq!((ceiling.name(), flood.name()), ("product ceiling".into(), "product flood".into()));
    right(ceiling);
    // How well the flood was borne is for a quiet machine to say; here, that it was looked at.
    let looked_at = |rule: &str| flood.books.iter().any(|finding| finding.rule.contains(rule));
    for rule in ["waits at most twice", "hears so at once", "when to come again", "as before"] {
        assert!(looked_at(rule), "{rule}: {:?}", flood.books);
    }
    assert_eq!(flood.timeline.len(), 6);
    let due = |at: usize| flood.timeline[at].intended.unwrap_or(0);
    assert!(due(2) > 5 * due(1) && due(3) > 5 * due(4), "{:?}", flood.timeline);
}

#[test]
fn a_memory_folder_is_refused_unless_it_is_wanted() {
    // Where there is such a folder at all.
    let memory = std::path::Path::new("/dev/shm");
    if !memory.is_dir() {
        return;
    }
    let refused = Bench::new(["browse"]).without("--memory").in_folder(memory).run();
    assert_eq!(refused.code, 1);
    assert!(refused.said.contains("/dev/shm is memory"), "{}", refused.said);
    let report = Bench::new(["browse", "--connections", "1"]).in_folder(memory).report();
    assert_eq!(report.machine.filesystem, "tmpfs");
}

#[test]
fn nonsense_is_refused_before_anything_is_started() {
    for (words, why) in [
        (&["browse", "--rate", "0"][..], "0 is no rate"),
        (&["size", "--of", "flood"], "flood is a series"),
        (&["browse", "--url", "https://127.0.0.1"], "is not http://"),
        (&["size", "--url", "http://127.0.0.1:1"], "takes no --url"),
        (&["browse", "--url", "http://127.0.0.1:1"], "did not answer"),
    ] {
        let refused = Bench::bare(words).run();
        assert_eq!(refused.code, 1, "{words:?}: {}", refused.said);
        assert!(refused.said.contains(why), "{words:?}: {}", refused.said);
    }
}

/// A shop that runs already, where nobody else buys, and then somebody does: what nobody was told of
/// by the bench is in its books, and the run fails however fast it was.
#[test]
fn a_run_whose_books_are_wrong_fails() {
    let shop = Arc::new(Shop::open());
    shop.stock_up("KETTLE");
    let url = shop.base.clone();
    let words = ["flash-sale", "--carts", "10", "--connections", "2", "--url", &url, "--staff"];
    let words: Vec<&str> = words.into_iter().chain([program::ADMIN.0]).collect();
    let alone = Bench::bare(&words).of_url().run();
    assert_eq!(alone.code, 0, "{}", alone.said);
    assert!(alone.said.contains("✓ every acknowledged order is stored"), "{}", alone.said);

    let is_over = Arc::new(AtomicBool::new(false));
    let stranger = {
        let (shop, is_over) = (Arc::clone(&shop), Arc::clone(&is_over));
        std::thread::spawn(move || {
            let mut bought = 0;
            while !is_over.load(Ordering::Relaxed) {
                shop.buy("KETTLE", bought);
                bought += 1;
            }
        })
    };
    let disturbed = Bench::bare(&words).of_url().run();
    is_over.store(true, Ordering::Relaxed);
    stranger.join().expect("the stranger could buy");
    assert_eq!(disturbed.code, 1, "{}", disturbed.said);
    let wrong = "✗ WRONG: nothing is stored that nobody was told of";
    assert!(disturbed.said.contains(wrong), "{}", disturbed.said);
    assert!(disturbed.said.contains("flash-sale: not so: "), "{}", disturbed.said);
}

#[test]
fn without_staff_the_books_stay_closed_and_it_says_so() {
    let shop = Shop::open();
    shop.stock_up("TEAPOT");
    let done = Bench::bare(&["cart", "--url", &shop.base, "--connections", "2"]).of_url().run();
    assert_eq!(done.code, 0, "{}", done.said);
    assert!(done.said.contains("the books were not opened"), "{}", done.said);
    let body = json!({ "items": [{ "sku": "TEAPOT", "quantity": 1 }] });
    assert!(shop.post("/v1/carts", &body, None)["cartId"].is_string(), "the shop goes on");
}

#[test]
fn limits_stand_in_the_report_and_shares_in_its_run() {
    let sale = ["flash-sale", "--connections", "4", "--carts", "2000", "--payment", "manual"];
    let report = Bench::new(sale.into_iter().chain(["--limits"])).report();
    assert!(report.limit("fsync").is_some_and(|limit| limit.rate > 0.0));
    let shares = &one(&report).shares;
    let pipeline = shares.iter().find(|share| share.limit == "pipeline-4");
    assert!(pipeline.is_some_and(|share| share.share > 0.0), "{shares:?}");
}

#[test]
fn a_report_makes_a_page_and_is_held_against_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (json, html) = (path("a.json"), path("a.html"));
    let done = Bench::new(["product", "--json", &json, "--html", &html]).run();
    assert_eq!(done.code, 0, "{}", done.said);
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("<svg") && page.contains("product"), "the page has its plots");

    let compare = |words: &[&str]| Bench::bare(&[&["compare"], words].concat()).alone();
    let same = compare(&[&json, &json, "--strict"]);
    assert_eq!(same.code, 0, "{}", same.said);
    assert!(same.said.contains("B/A") && !same.said.contains("Only in"), "{}", same.said);

    let mut wrong = Report::read(json.as_ref()).unwrap();
    wrong.runs[0].books[0].holds = false;
    let other = path("b.json");
    wrong.write(other.as_ref()).unwrap();
    assert_eq!(compare(&[&json, &other]).code, 0);
    let strict = compare(&[&json, &other, "--strict"]);
    assert_eq!(strict.code, 1, "{}", strict.said);
    assert!(strict.said.contains("DISAGREE"), "{}", strict.said);
    let nothing = compare(&[&json, &html]);
    assert_eq!(nothing.code, 1);
    assert!(nothing.said.contains("is not a report"), "{}", nothing.said);
}
