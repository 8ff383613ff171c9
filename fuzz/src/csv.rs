//! Imports: a product CSV of anybody's, what comes of it, and that it goes out and in again.

use mercat::domain::catalog::Product;
use mercat::domain::{Currency, ProductId, Timestamp};
use mercat::imports::{ExportedStock, ImportedProduct, ProductReader, ProductWriter};

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub fn check(data: &[u8]) {
    let mut reader = ProductReader::new(data, Currency::USD);
    let (mut good, mut bad) = (Vec::new(), 0_u64);
    for item in &mut reader {
        match item {
            Ok(product) => good.push(product),
            Err(error) => {
                assert!(!error.detail.is_empty());
                bad += 1;
            }
        }
    }
    let progress = reader.progress();
    assert_eq!(progress.products, good.len() as u64);
    assert!(progress.failed <= bad, "{} left out, {bad} reasons", progress.failed);
    for product in &good {
        product.content.check().expect("what is imported is a product");
        assert_eq!(product.stock.len(), product.content.variants.len());
        goes_out_and_in(product);
    }
}

/// Exported and imported again, it is the same product.
fn goes_out_and_in(product: &ImportedProduct) {
    let stored = Product {
        id: ProductId::new(START, [0; 10]),
        content: product.content.clone(),
        former_handles: vec![],
        created_at: START,
        updated_at: START,
    };
    let mut writer = ProductWriter::new(Vec::new()).expect("memory takes every write");
    let stock = |sku: &_| {
        let own = product.stock.iter().find(|own| own.sku == *sku).expect("stock of each SKU");
        ExportedStock { quantity: own.quantity, backorder: own.backorder }
    };
    writer.write(&stored, stock).expect("what came from a file fits into one");
    let file = writer.finish().expect("memory takes every write");
    let again: Vec<_> = ProductReader::new(&file[..], Currency::USD).collect();
    let [Ok(again)] = &again[..] else {
        panic!("{:?} came back as {again:?}", product.content);
    };
    assert_eq!((&again.content, &again.stock), (&product.content, &product.stock));
}
