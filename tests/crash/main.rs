//! Pulls the plug: the real program is killed in the middle of a sale, started again on the same
//! folder, and its books are compared with what it had promised to the outside.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

const ADMIN: (&str, &str) = ("admin@shop.example", "correct horse battery staple");
const STOCK: i64 = 200;
const TRIES: usize = 400;
const BUYERS: usize = 64;

/// The program at work on a folder.
struct Program {
    child: Child,
    base: String,
    client: Client,
}

impl Program {
    fn start(folder: &Path) -> Program {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mercat"))
            .args(["serve", "--listen", "127.0.0.1:0", "--test-payments", "1", "--data"])
            .arg(folder)
            .env("MERCAT_ADMIN_EMAIL", ADMIN.0)
            .env("MERCAT_ADMIN_PASSWORD", ADMIN.1)
            .env("MERCAT_LOG", "error")
            // All buyers come from one address.
            .env("MERCAT_RATE_LIMITS", "off")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut lines = output.lines().map(|line| line.expect("readable output"));
        let open = lines.find(|line| line.contains("http://")).expect("it says where it is open");
        let base = open[open.find("http://").expect("an address")..].trim().to_owned();
        // A client with TLS asks for one; it is there already where another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().expect("a client");
        Program { child, base, client }
    }

    /// No warning, no last words.
    fn kill(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-KILL", &pid]).status().expect("kill runs").success());
    }

    /// Asks it to end, as a service manager does, and waits until it has.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(asked.success());
        assert!(self.child.wait().expect("it ends").success());
    }

    async fn staff_token(&self) -> String {
        let body = json!({ "email": ADMIN.0, "password": ADMIN.1 });
        let sent = self.client.post(format!("{}/v1/auth/login", self.base)).json(&body).send();
        let tokens: Value = sent.await.unwrap().json().await.unwrap();
        tokens["accessToken"].as_str().expect("a token").to_owned()
    }

    async fn get(&self, path: &str, token: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.base));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    async fn add_product(&self, token: &str) {
        let product = json!({
            "name": "Last Kettle", "description": "One of two hundred.", "price": 19.99, "currency": "USD",
            "category": "Kitchen", "brand": "Alder", "imageUrl": "https://example.com/kettle.jpg",
            "sku": "KETTLE", "stockQuantity": STOCK,
        });
        let sent = self
            .client
            .post(format!("{}/v1/products", self.base))
            .bearer_auth(token)
            .json(&product);
        assert_eq!(sent.send().await.unwrap().status(), StatusCode::CREATED);
    }

    async fn cart(&self) -> Option<String> {
        let body = json!({ "items": [{ "sku": "KETTLE", "quantity": 1 }] });
        let sent = self.client.post(format!("{}/v1/carts", self.base)).json(&body).send();
        let cart: Value = sent.await.ok()?.json().await.ok()?;
        Some(cart["cartId"].as_str()?.to_owned())
    }

    /// Checks a cart out under a key; `None` where no answer came.
    async fn checkout(&self, cart: &str, key: &str) -> Option<(StatusCode, Value)> {
        let body = json!({
            "email": "ada@example.com",
            "shippingAddress": { "name": "Ada", "line1": "1 Main St", "city": "Salem", "postalCode": "97301", "country": "US" },
            "shippingOption": "standard",
            "payment": { "provider": "test", "token": "tok_visa" },
        });
        let request = self.client.post(format!("{}/v1/carts/{cart}/checkout", self.base));
        let answer = request.header("idempotency-key", key).json(&body).send().await.ok()?;
        Some((answer.status(), answer.json().await.ok()?))
    }
}

/// One buyer's try: its cart and its key, the same before and after the crash.
struct Try {
    cart: String,
    key: String,
}

/// Whether the crash came between the order and its payment. What a shopper pays with is kept
/// nowhere, so such an order ends unpaid, its cart is open again, and a person pays once more: that
/// is a new try, with a new key.
fn interrupted(answer: &Option<(StatusCode, Value)>) -> bool {
    answer.as_ref().is_some_and(|(status, problem)| {
        *status == StatusCode::PAYMENT_REQUIRED
            && problem["reason"].as_str().is_some_and(|reason| reason.contains("interrupted"))
    })
}

/// Sends tries through so many buyers at once, and gives what was
/// acknowledged, key → order, and how many were clean refusals. The
/// program is killed as soon as `kill_at` orders were acknowledged.
async fn sale(
    program: &Arc<Program>,
    tries: &[Arc<Try>],
    kill_at: Option<usize>,
) -> (HashMap<String, String>, usize) {
    let buyers = Arc::new(Semaphore::new(BUYERS));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut running = Vec::new();
    for own in tries {
        let place = Arc::clone(&buyers).acquire_owned().await.unwrap();
        let (own, program) = (Arc::clone(own), Arc::clone(program));
        let acknowledged = Arc::clone(&acknowledged);
        running.push(tokio::spawn(async move {
            let mut answer = program.checkout(&own.cart, &own.key).await;
            if interrupted(&answer) {
                let afresh = format!("{}-afresh", own.key);
                answer = program.checkout(&own.cart, &afresh).await;
            }
            if matches!(&answer, Some((StatusCode::CREATED, _)))
                && Some(acknowledged.fetch_add(1, Ordering::Relaxed) + 1) == kill_at
            {
                program.kill();
            }
            drop(place);
            (own.key.clone(), answer)
        }));
    }
    let (mut orders, mut refused) = (HashMap::new(), 0);
    for done in running {
        match done.await.unwrap() {
            (key, Some((StatusCode::CREATED, order))) => {
                orders.insert(key, order["orderId"].as_str().unwrap().to_owned());
            }
            (_, Some((StatusCode::CONFLICT, problem))) => {
                assert_eq!(problem["code"], "out_of_stock", "{problem}");
                refused += 1;
            }
            (_, Some((status, problem))) => panic!("{status}: {problem}"),
            (_, None) => {}
        }
    }
    (orders, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sale_that_was_killed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let program = Arc::new(Program::start(folder.path()));
    program.add_product(&program.staff_token().await).await;
    let mut tries = Vec::with_capacity(TRIES);
    for n in 0..TRIES {
        let cart = program.cart().await.expect("a cart");
        tries.push(Arc::new(Try { cart, key: format!("buyer-{n}") }));
    }

    // Killed by the buyer who hears of the fiftieth order, while the others are being served.
    let (acknowledged, _) = sale(&program, &tries, Some(STOCK as usize / 4)).await;
    assert!(
        !acknowledged.is_empty() && acknowledged.len() < STOCK as usize,
        "{}",
        acknowledged.len()
    );

    let program = Arc::new(Program::start(folder.path()));
    let token = program.staff_token().await;
    for order in acknowledged.values() {
        let found = program.get(&format!("/v1/orders/{order}"), &token).await;
        assert_eq!(found["status"], "paid", "{order} was acknowledged");
    }
    assert_books(&program, &token).await;

    // Everybody tries again with the same cart and key, as clients do: one order per key.
    let (orders, refused) = sale(&program, &tries, None).await;
    for (key, order) in &acknowledged {
        assert_eq!(orders.get(key), Some(order), "{key} hears of its own order again");
    }
    assert_eq!((orders.len(), refused), (STOCK as usize, TRIES - STOCK as usize));
    let distinct: HashSet<&String> = orders.values().collect();
    assert_eq!(distinct.len(), STOCK as usize);
    let level = assert_books(&program, &token).await;
    assert_eq!((level.0, level.1), (0, 0));

    let Ok(program) = Arc::try_unwrap(program) else { panic!("nobody uses it any more") };
    program.stop();
    let verified = Command::new(env!("CARGO_BIN_EXE_mercat"))
        .args(["verify", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{said}{}", String::from_utf8_lossy(&verified.stderr));
}

/// Units on the shelf, promised and in paid orders are those that came in; gives the first two.
async fn assert_books(program: &Program, token: &str) -> (i64, i64) {
    let level = program.get("/v1/inventory/KETTLE", token).await;
    let (on_hand, reserved) =
        (level["onHand"].as_i64().unwrap(), level["reserved"].as_i64().unwrap());
    let paid = program.get("/v1/orders?status=paid&limit=1", token).await;
    let pending = program.get("/v1/orders?status=pending_payment&limit=1", token).await;
    let count = |list: &Value| list["meta"]["totalItems"].as_i64().unwrap();
    assert_eq!(on_hand + count(&paid), STOCK, "{level}");
    assert_eq!(reserved, count(&pending), "{level}");
    assert_eq!(level["available"].as_i64().unwrap(), on_hand - reserved);
    (on_hand, reserved)
}
