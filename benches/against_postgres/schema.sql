-- What a shop on PostgreSQL keeps of a checkout: the tables of the writes in checkout.sql.

create table stock (
    sku       integer primary key,
    on_hand   bigint not null,
    reserved  bigint not null default 0,
    check (reserved >= 0 and on_hand - reserved >= 0)
);

create table orders (
    id         bigserial primary key,
    placed_at  timestamptz not null,
    status     text not null,
    email      text not null,
    address    text not null,
    currency   char(3) not null,
    subtotal   bigint not null,
    shipping   bigint not null,
    tax        bigint not null,
    total      bigint not null
);

create table order_lines (
    order_id    bigint not null references orders,
    line        integer not null,
    sku         integer not null references stock,
    units       integer not null check (units > 0),
    unit_price  bigint not null,
    primary key (order_id, line)
);

create table events (
    seq   bigserial primary key,
    at    timestamptz not null,
    kind  text not null,
    body  text not null
);

create table idempotency (
    key     uuid primary key,
    at      timestamptz not null,
    answer  text not null
);

insert into stock (sku, on_hand) select sku, 1000000000 from generate_series(1, :skus) as sku;
