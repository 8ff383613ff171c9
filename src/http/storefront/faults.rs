//! What people are shown where something went wrong: a page that says what to do next. Programs get
//! the problem itself (`http/problem.rs`).
//!
//! A page that is missing shows the way through the shop; what says that the shop is busy or broken
//! needs nothing from it.

use super::answer::bare;
use super::home::{Entry, index};
use super::shell::{Head, Shell};
use super::visitor::Visitor;
use crate::http::app::App;
use crate::http::layers::Browser;
use crate::http::problem::Problem;
use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

#[derive(Template)]
#[template(path = "storefront/missing.html")]
struct Missing {
    shell: Shell,
    head: Head,
    index: Vec<Entry>,
}

#[derive(Template)]
#[template(path = "storefront/fault.html")]
struct Fault<'a> {
    shop: &'a str,
    assets: String,
    title: &'a str,
    heading: &'a str,
    text: &'a str,
    /// For the log's reader.
    id: Option<&'a str>,
    /// Whether another try is worth it, after so many seconds.
    again: Option<u32>,
    /// Then another try is to press its button again.
    sent_form: bool,
}

/// How long somebody is asked to wait who was turned away at a full house.
const BUSY_SECONDS: u32 = 5;

/// The page for a problem.
pub fn page(app: &App, problem: &Problem, browser: &Browser, id: &str) -> Option<Response> {
    let look = app.look();
    let own = |title, heading, text, id, again| Fault {
        shop: &look.shop().name,
        assets: look.assets.address(),
        title,
        heading,
        text,
        id,
        again,
        sent_form: browser.sent_form,
    };
    let busy = "Very many people are at the door. Nobody loses their cart or their place at the till: just try again in a few seconds.";
    let closed = "That does not work at this moment, and it is not your fault. Your cart is safe, and nothing was bought that you have not had a receipt for.";
    let quick = "We had more requests from you in this minute than a person could make. Take a breath, and try again in half a minute.";
    let broken = "It has been written down, and somebody will look at it. Your cart is safe, and nothing was bought that you have not had a receipt for.";
    let mut response = match problem.status() {
        StatusCode::NOT_FOUND => return missing(app, &browser.cookies),
        StatusCode::SERVICE_UNAVAILABLE if problem.code() != "overloaded" => {
            bare(&own("One moment", "One moment, please", closed, None, Some(BUSY_SECONDS)))
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            bare(&own("One moment", "One moment, please", busy, None, Some(BUSY_SECONDS)))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            bare(&own("One moment", "That was a little quick", quick, None, Some(30)))
        }
        status if status.is_server_error() => {
            let heading = "Something broke, and it was us";
            bare(&own("Something broke", heading, broken, Some(id), None))
        }
        _ if problem.code() == "csrf" => {
            let text = "Your browser did not show that this came from a page of ours. Go back, load the page again, and try once more.";
            bare(&own("Not sent", "That was not sent", text, None, None))
        }
        _ => bare(&own(problem.title(), problem.title(), problem.detail(), None, None)),
    }?;
    if problem.code() == "csrf" {
        // With a cookie, the page that is loaded again has a token.
        let mut visitor = Visitor::of(app, &browser.cookies);
        visitor.give_cookie();
        visitor.mark(app, response.headers_mut());
    }
    Some(response)
}

fn missing(app: &App, asked: &HeaderMap) -> Option<Response> {
    let catalog = app.shop.reads.catalog.load();
    let visitor = Visitor::of(app, asked);
    let shell = Shell { csrf: None, ..Shell::new(app, &visitor, &catalog) };
    bare(&Missing { shell, head: Head::unlisted("Not found"), index: index(&catalog) })
}
