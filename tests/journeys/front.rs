//! What every endpoint has in common.

use crate::testshop::TestShop;
use mercat::domain::Span;

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_outlives_its_shop() {
    let shop = TestShop::open().await;
    shop.pass(Span::minutes(1));
    let made = shop.post("/v1/carts").send().await.expect(201);
    let shop = shop.restarted().await;
    let again = shop.get(made.header("location")).send().await.expect(200);
    assert_eq!(again.json(), made.json());
    assert_eq!(again.json()["createdAt"], "2023-11-14T22:14:20Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem() {
    let shop = TestShop::open().await;
    let body = shop.get("/v1/nowhere").send().await.problem(404, "not_found");
    assert_eq!(body["instance"], "/v1/nowhere");
    shop.get("/v1/orders").send().await.problem(401, "unauthenticated");
    shop.get("/v1/orders").bearer("mct_x").send().await.problem(401, "invalid_token");
    shop.get("/v1/orders?oops=1").staff().send().await.problem(400, "invalid_query");
    shop.get("/v1/orders").staff().send().await.expect(200);
}
