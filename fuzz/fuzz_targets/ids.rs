#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mercat_fuzz::ids::check(data));
