pub mod codec;
pub mod records;
