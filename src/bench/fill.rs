//! A catalog from a seed, as a file that `mercat import products` reads: the shop is filled in the way
//! a merchant fills it.
//!
//! Names are put together of a few hundred words, as names of goods are, so a search finds many for
//! one word and few for two. Every seventh product comes in several sizes.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::{self, Write};

/// Units of every SKU: what is timed is the selling, not the running out.
pub const UNITS: u32 = 1_000_000;

const MATERIALS: [&str; 40] = [
    "Ash",
    "Alder",
    "Bamboo",
    "Beech",
    "Birch",
    "Brass",
    "Bronze",
    "Canvas",
    "Cedar",
    "Ceramic",
    "Cherry",
    "Copper",
    "Cork",
    "Cotton",
    "Denim",
    "Enamel",
    "Felt",
    "Flannel",
    "Glass",
    "Granite",
    "Hemp",
    "Iron",
    "Jute",
    "Leather",
    "Linen",
    "Maple",
    "Marble",
    "Merino",
    "Oak",
    "Pewter",
    "Pine",
    "Porcelain",
    "Rattan",
    "Silk",
    "Slate",
    "Steel",
    "Stone",
    "Walnut",
    "Willow",
    "Wool",
];

const MANNERS: [&str; 40] = [
    "Ample", "Arched", "Braided", "Brushed", "Carved", "Classic", "Compact", "Country", "Curved",
    "Double", "Everyday", "Faded", "Folding", "Garden", "Glazed", "Grand", "Hanging", "Harbor",
    "Heavy", "Hollow", "Kitchen", "Little", "Meadow", "Narrow", "Northern", "Pocket", "Polished",
    "Quiet", "Rounded", "Rustic", "Slender", "Sturdy", "Sunday", "Tall", "Travel", "Twisted",
    "Village", "Washed", "Winter", "Woven",
];

/// What it is, and the category that it is in.
const THINGS: [(&str, &str); 48] = [
    ("Armchair", "Furniture"),
    ("Bench", "Furniture"),
    ("Bookcase", "Furniture"),
    ("Cabinet", "Furniture"),
    ("Desk", "Furniture"),
    ("Dresser", "Furniture"),
    ("Stool", "Furniture"),
    ("Table", "Furniture"),
    ("Candle", "Lighting"),
    ("Lantern", "Lighting"),
    ("Lamp", "Lighting"),
    ("Sconce", "Lighting"),
    ("Apron", "Kitchen"),
    ("Bowl", "Kitchen"),
    ("Board", "Kitchen"),
    ("Jug", "Kitchen"),
    ("Kettle", "Kitchen"),
    ("Ladle", "Kitchen"),
    ("Mug", "Kitchen"),
    ("Plate", "Kitchen"),
    ("Skillet", "Kitchen"),
    ("Teapot", "Kitchen"),
    ("Blanket", "Textiles"),
    ("Curtain", "Textiles"),
    ("Cushion", "Textiles"),
    ("Pillow", "Textiles"),
    ("Quilt", "Textiles"),
    ("Rug", "Textiles"),
    ("Throw", "Textiles"),
    ("Towel", "Textiles"),
    ("Bag", "Travel"),
    ("Satchel", "Travel"),
    ("Suitcase", "Travel"),
    ("Umbrella", "Travel"),
    ("Wallet", "Travel"),
    ("Basket", "Storage"),
    ("Box", "Storage"),
    ("Chest", "Storage"),
    ("Crate", "Storage"),
    ("Hook", "Storage"),
    ("Shelf", "Storage"),
    ("Clock", "Decoration"),
    ("Frame", "Decoration"),
    ("Mirror", "Decoration"),
    ("Vase", "Decoration"),
    ("Hoe", "Garden"),
    ("Planter", "Garden"),
    ("Spade", "Garden"),
];

const BRANDS: [&str; 24] = [
    "Alder & Ash",
    "Brookside",
    "Calloway",
    "Dunmore",
    "Elmwood",
    "Fenwick",
    "Greyfield",
    "Hollow Hill",
    "Ivydale",
    "Juniper Row",
    "Kestrel",
    "Larkspur",
    "Millbrook",
    "Northgate",
    "Oakhurst",
    "Pemberton",
    "Quarry Lane",
    "Ridgeway",
    "Stonebridge",
    "Thornbury",
    "Upland",
    "Verity",
    "Whitcombe",
    "Yarrow",
];

const SIZES: [&str; 3] = ["Small", "Medium", "Large"];

const HEAD: [&str; 13] = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Variant SKU",
    "Variant Inventory Qty",
    "Variant Price",
    "Image Src",
];

/// Writes `products` products with all their variants; the same seed, the same bytes.
pub fn write(products: u64, seed: u64, to: impl Write) -> io::Result<()> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut csv = csv::Writer::from_writer(to);
    csv.write_record(HEAD)?;
    for number in 1..=products {
        product(number, &mut chance, &mut csv)?;
    }
    csv.flush()
}

fn product(
    number: u64,
    chance: &mut ChaCha8Rng,
    csv: &mut csv::Writer<impl Write>,
) -> io::Result<()> {
    let pick =
        |words: &[&'static str], chance: &mut ChaCha8Rng| *words.choose(chance).unwrap_or(&"");
    let material = pick(&MATERIALS, chance);
    let manner = pick(&MANNERS, chance);
    let (thing, category) = THINGS[chance.random_range(0..THINGS.len())];
    let brand = pick(&BRANDS, chance);
    let title = format!("{manner} {material} {thing}");
    let handle = format!("{title}-{number}").to_lowercase().replace(' ', "-");
    let body = format!(
        "<p>{manner} in all it does: {} {} made of {}, by {brand}.</p><ul><li>Made to be used every day</li><li>Goes with everything in {}</li></ul>",
        if thing.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" },
        thing.to_lowercase(),
        material.to_lowercase(),
        category.to_lowercase(),
    );
    let tags = format!("{}, {}", material.to_lowercase(), pick(&MANNERS, chance).to_lowercase());
    let price = chance.random_range(5..400);
    let image = format!("https://pictures.example/{handle}.jpg");
    let units = UNITS.to_string();
    let sizes: &[&str] = if number.is_multiple_of(7) { &SIZES } else { &[""] };
    for (place, size) in sizes.iter().enumerate() {
        let (option, value) =
            if size.is_empty() { ("Title", "Default Title") } else { ("Size", *size) };
        let sku = match size.chars().next() {
            None => format!("B-{number:07}"),
            Some(letter) => format!("B-{number:07}-{letter}"),
        };
        let price = format!("{}.90", price + 10 * place);
        let all = [
            &handle, &title, &body, brand, category, &tags, "true", option, value, &sku, &units,
            &price, &image,
        ];
        let more = [&handle, "", "", "", "", "", "", "", value, &sku, &units, &price, ""];
        csv.write_record(if place == 0 { all } else { more })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;
    use crate::imports::ProductReader;
    use std::collections::HashSet;

    #[test]
    fn the_catalog_is_read_without_a_fault_and_all_of_it_is_for_sale() {
        let mut csv = Vec::new();
        write(300, 7, &mut csv).unwrap();
        let products: Vec<_> =
            ProductReader::new(&csv[..], Currency::USD).collect::<Result<_, _>>().unwrap();
        assert_eq!(products.len(), 300);
        let skus: HashSet<_> = products
            .iter()
            .flat_map(|product| product.stock.iter().map(|stock| &stock.sku))
            .collect();
        assert_eq!(skus.len(), 300 + 2 * (300 / 7));
        assert!(products.iter().all(|product| !product.content.category.is_empty()));
    }

    #[test]
    fn the_same_seed_makes_the_same_catalog() {
        let made = |seed| {
            let mut csv = Vec::new();
            write(20, seed, &mut csv).unwrap();
            csv
        };
        assert_eq!(made(3), made(3));
        assert_ne!(made(3), made(4));
    }
}
