#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| xnc_fuzz::decoders::run(data));
