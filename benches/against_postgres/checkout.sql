-- One checkout of one line. The stock comes last, so that its row is locked for as short as can be:
-- from here to the commit.

\set sku random(1, :skus)

begin;
insert into orders (placed_at, status, email, address, currency, subtotal, shipping, tax, total)
    values (now(), 'pending_payment', 'ada@example.com',
        '{"name":"Ada Lovelace","line1":"12 St James''s Square","city":"Portland","region":"OR","postalCode":"97201","country":"US","phone":"+1 503 555 0100"}',
        'USD', 49900, 0, 3992, 53892)
    returning id as order_id \gset
insert into order_lines (order_id, line, sku, units, unit_price) values (:order_id, 1, :sku, 1, 49900);
insert into events (at, kind, body)
    values (now(), 'order_placed', '{"order":"' || :order_id || '",' || repeat('.', 800) || '}'),
        (now(), 'cart_ordered', '{"order":"' || :order_id || '"}');
insert into idempotency (key, at, answer) values (gen_random_uuid(), now(), repeat('.', 1500));
update stock set reserved = reserved + 1 where sku = :sku;
commit;
