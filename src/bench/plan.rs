//! What is to be measured: the options of `mercat bench`, after they were understood.

use super::clerk::Staff;
use super::report::Http;
pub use super::scenarios::buying::Payment;
use std::path::PathBuf;
use std::time::Duration;

/// What visitors do, or a series of such runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Subject {
    /// Products and pages of lists
    Browse,
    /// One product at a time
    Product,
    /// Pages of twenty products
    Page,
    /// Products that have not changed since they were read (304)
    NotModified,
    /// Two words with facets, typing errors, suggestions
    Search,
    /// Carts that are made and changed, each time durably
    Cart,
    /// A guest's whole journey: product, cart, paid
    Checkout,
    /// One SKU, many buyers with full carts
    FlashSale,
    /// A sale of 1,000 units as they happen: 134 requests/s at the peak, and 10 and 100 times that
    Drop,
    /// A day's mix: 80 % browse, 12 % search, 6 % cart, 2 % checkout
    Mixed,
    /// The mix at a steady rate for long, and what becomes of memory
    Soak,
    /// Rate and latency by products in the catalog and by connections
    Size,
    /// Ten times more than can be served, and what becomes of the rest
    Flood,
}

impl Subject {
    /// As the command line names it.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Browse => "browse",
            Subject::Product => "product",
            Subject::Page => "page",
            Subject::NotModified => "not-modified",
            Subject::Search => "search",
            Subject::Cart => "cart",
            Subject::Checkout => "checkout",
            Subject::FlashSale => "flash-sale",
            Subject::Drop => "drop",
            Subject::Mixed => "mixed",
            Subject::Soak => "soak",
            Subject::Size => "size",
            Subject::Flood => "flood",
        }
    }

    /// How many requests a journey is made of that meets no obstacle; on average, for a mix. Rates
    /// are given in requests, and journeys are what arrives.
    pub fn requests(self) -> f64 {
        match self {
            Subject::Cart | Subject::Checkout | Subject::Drop | Subject::Flood => 3.0,
            Subject::Mixed | Subject::Soak | Subject::Size => 0.92 + 0.08 * 3.0,
            Subject::Browse
            | Subject::Product
            | Subject::Page
            | Subject::NotModified
            | Subject::Search
            | Subject::FlashSale => 1.0,
        }
    }
}

/// Which shop.
#[derive(Clone)]
pub enum Where {
    /// One of its own, in a fresh folder below `folder`.
    Own {
        folder: PathBuf,
        /// Settings of the shop, as for `mercat serve`.
        config: Option<PathBuf>,
        /// Whether the folder may be memory.
        allow_memory: bool,
    },
    /// One that runs already.
    There {
        /// Host and port.
        authority: String,
        /// Whom it lets look at its books.
        staff: Option<Staff>,
    },
}

#[derive(Clone)]
pub struct Plan {
    pub subject: Subject,
    pub at: Where,
    /// Requests a second, a run for each; closed loop where there are none.
    pub rates: Vec<f64>,
    pub connections: Option<usize>,
    pub http: Http,
    pub streams: usize,
    pub threads: usize,
    pub warm_up: Duration,
    pub duration: Option<Duration>,
    pub products: u64,
    pub seed: u64,
    pub payment: Payment,
    /// SKUs that a flash sale is of.
    pub skus: usize,
    /// Units of the one SKU of a sale.
    pub units: Option<u64>,
    /// Carts that are filled before a flash sale; as many as it may need where that is not said.
    pub carts: Option<u64>,
    /// Multiples of a usual sale's rate.
    pub factors: Vec<f64>,
    /// Catalogs and connections of `size`.
    pub sizes: Vec<u64>,
    pub widths: Vec<usize>,
    /// What `size` and `flood` send.
    pub of: Vec<Subject>,
    /// Whether to measure what bounds the runs, too.
    pub limits: bool,
}

impl Plan {
    pub fn connections(&self) -> usize {
        let usual = if self.subject == Subject::Drop { 256 } else { 64 };
        self.connections.unwrap_or(usual)
    }

    /// Whether its own shop is to let in as many writes at once as come: in closed loop each connection
    /// asks again as soon as it is answered, so that a shop that turns some away would be measured by
    /// how fast they come again. It lets in 64 in any case.
    pub fn lets_all_in(&self) -> bool {
        const IN_ANY_CASE: usize = 64;
        let connections = match self.subject {
            // By a clock, and many turned away is what they are about.
            Subject::Flood | Subject::Drop | Subject::Soak => return false,
            Subject::Size => self.widths.iter().copied().max().unwrap_or(0),
            _ if !self.rates.is_empty() => return false,
            _ => self.connections(),
        };
        let streams = if self.http == Http::Two { self.streams } else { 1 };
        matches!(self.at, Where::Own { .. }) && connections * streams > IN_ANY_CASE
    }

    pub fn duration(&self) -> Duration {
        let usual = match self.subject {
            Subject::Soak => 600,
            Subject::Drop => 30,
            Subject::Size => 5,
            _ => 10,
        };
        self.duration.unwrap_or(Duration::from_secs(usual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(subject: Subject, rates: &[f64], connections: Option<usize>, widths: &[usize]) -> Plan {
        Plan {
            subject,
            at: Where::Own { folder: PathBuf::new(), config: None, allow_memory: false },
            rates: rates.to_vec(),
            connections,
            http: Http::One,
            streams: 8,
            threads: 1,
            warm_up: Duration::ZERO,
            duration: None,
            products: 1,
            seed: 1,
            payment: Payment::Test,
            skus: 1,
            units: None,
            carts: None,
            factors: vec![1.0],
            sizes: vec![1],
            widths: widths.to_vec(),
            of: vec![],
            limits: false,
        }
    }

    #[test]
    fn all_are_let_in_where_many_connections_ask_as_fast_as_they_are_answered() {
        let lets_all_in = |subject, rates: &[f64], connections, widths: &[usize]| {
            plan(subject, rates, connections, widths).lets_all_in()
        };
        assert!(!lets_all_in(Subject::Checkout, &[], None, &[]));
        assert!(lets_all_in(Subject::Checkout, &[], Some(65), &[]));
        assert!(!lets_all_in(Subject::Checkout, &[100.0], Some(256), &[]));
        assert!(lets_all_in(Subject::Size, &[], None, &[10, 1_000]));
        assert!(!lets_all_in(Subject::Size, &[], None, &[10]));
        assert!(!lets_all_in(Subject::Flood, &[], Some(1_024), &[]));
        let streams = Plan { http: Http::Two, ..plan(Subject::Cart, &[], Some(9), &[]) };
        assert!(streams.lets_all_in());
    }
}
