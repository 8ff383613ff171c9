//! Rows of a CSV file (RFC 4180), with physical line numbers and a bound on each row.
//!
//! A file is taken as it comes, so one stray quote must cost one row: a general reader would take
//! all that follows it for one field and fill the memory with it. Here a quoted field must end
//! where it says it does. If it does not, the row is reported, and reading goes on at the next
//! physical line, as if the quote had not been there.

use std::io::{self, Read};

/// Bytes that one row may have: several times the longest description that a product may have.
pub(super) const MOST_ROW_BYTES: usize = 1 << 20;

/// How often per file the lines under a stray quote are looked at again. Each time costs up to
/// [`MOST_ROW_BYTES`] of work; beyond this, they are skipped together with the quote.
const SECOND_LOOKS: u32 = 100;

const CHUNK_BYTES: usize = 64 * 1024;

/// One row: its fields without their quotes, as bytes.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The physical line where it begins, from 1.
    pub line: u64,
    /// Why it could not be read to its end; the fields before the fault are there.
    pub fault: Option<&'static str>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Row {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn field(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.text[start..end])
    }

    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.field(index))
    }

    fn begin(&mut self, line: u64) {
        self.line = line;
        self.fault = None;
        self.text.clear();
        self.ends.clear();
    }

    fn end_field(&mut self) {
        self.ends.push(self.text.len());
    }
}

/// Where in a row the next byte stands.
#[derive(Clone, Copy)]
enum Place {
    FieldStart,
    Bare,
    Quoted,
    /// After a quote within quotes: the field's end, or the first half of a doubled quote.
    AfterQuote,
}

pub(super) struct Rows<R> {
    input: R,
    /// Bytes read and not yet given out; the next row begins at `start`.
    buffer: Vec<u8>,
    start: usize,
    line: u64,
    input_ended: bool,
    second_looks: u32,
    bytes: u64,
}

impl<R: Read> Rows<R> {
    pub fn new(input: R) -> Rows<R> {
        Rows {
            input,
            buffer: Vec::new(),
            start: 0,
            line: 1,
            input_ended: false,
            second_looks: SECOND_LOOKS,
            bytes: 0,
        }
    }

    /// Bytes given out as rows so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The physical line that comes next.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Steps over a byte order mark, if there is one.
    pub fn skip_mark(&mut self) -> io::Result<()> {
        let mark = [0xEF, 0xBB, 0xBF];
        self.peek(mark.len() - 1)?;
        if self.buffer[self.start..].starts_with(&mark) {
            self.consume(mark.len());
        }
        Ok(())
    }

    /// Reads the next row that is not an empty line; `false` at the end. A row that cannot be read
    /// says so in its `fault`, and the one after it can be asked for all the same.
    pub fn read(&mut self, row: &mut Row) -> io::Result<bool> {
        while let Some(length) = self.line_end(0)? {
            self.consume(length);
            self.line += 1;
        }
        row.begin(self.line);
        let mut place = Place::FieldStart;
        let mut lines = 0;
        let mut second_line = None;
        let mut offset = 0;
        loop {
            if offset >= MOST_ROW_BYTES {
                return self.give_up(row, offset, lines, second_line, "is longer than 1 MiB");
            }
            match (place, self.peek(offset)?) {
                (Place::Quoted, None) => {
                    let fault = "has an opening quote without a closing one";
                    return self.give_up(row, offset, lines, second_line, fault);
                }
                (_, None) if offset == 0 => return Ok(false),
                (_, None) => {
                    row.end_field();
                    self.consume(offset);
                    self.line += lines;
                    return Ok(true);
                }
                (Place::Quoted, Some(b'"')) => place = Place::AfterQuote,
                (Place::Quoted, Some(byte)) => {
                    row.text.push(byte);
                    // CR LF is one line end, told at its LF.
                    if byte == b'\n' || (byte == b'\r' && self.peek(offset + 1)? != Some(b'\n')) {
                        lines += 1;
                        second_line.get_or_insert(offset + 1);
                    }
                }
                (_, Some(b',')) => {
                    row.end_field();
                    place = Place::FieldStart;
                }
                (_, Some(b'\r' | b'\n')) => {
                    row.end_field();
                    let length = self.line_end(offset)?.unwrap_or(1);
                    self.consume(offset + length);
                    self.line += lines + 1;
                    return Ok(true);
                }
                (Place::FieldStart, Some(b'"')) => place = Place::Quoted,
                (Place::FieldStart | Place::Bare, Some(byte)) => {
                    row.text.push(byte);
                    place = Place::Bare;
                }
                (Place::AfterQuote, Some(b'"')) => {
                    row.text.push(b'"');
                    place = Place::Quoted;
                }
                (Place::AfterQuote, Some(_)) => {
                    let fault = "has text after a closing quote (a quote within quotes is doubled)";
                    return self.give_up(row, offset, lines, second_line, fault);
                }
            }
            offset += 1;
        }
    }

    /// Leaves a row behind: goes on at its second physical line, or else after all that was seen.
    fn give_up(
        &mut self,
        row: &mut Row,
        offset: usize,
        lines: u64,
        second_line: Option<usize>,
        fault: &'static str,
    ) -> io::Result<bool> {
        row.fault = Some(fault);
        if let Some(second_line) = second_line.filter(|_| self.second_looks > 0) {
            self.second_looks -= 1;
            self.consume(second_line);
            self.line += 1;
            return Ok(true);
        }
        self.consume(offset);
        self.line += lines;
        while self.peek(0)?.is_some() {
            if let Some(length) = self.line_end(0)? {
                self.consume(length);
                self.line += 1;
                break;
            }
            self.consume(1);
        }
        Ok(true)
    }

    /// How many bytes the line end at `offset` has, if there is one.
    fn line_end(&mut self, offset: usize) -> io::Result<Option<usize>> {
        Ok(match self.peek(offset)? {
            Some(b'\n') => Some(1),
            Some(b'\r') if self.peek(offset + 1)? == Some(b'\n') => Some(2),
            Some(b'\r') => Some(1),
            _ => None,
        })
    }

    /// The byte `offset` after the start of the row; `None` at the end of the file.
    fn peek(&mut self, offset: usize) -> io::Result<Option<u8>> {
        while self.start + offset >= self.buffer.len() && !self.input_ended {
            self.buffer.drain(..self.start);
            self.start = 0;
            let mut chunk = self.input.by_ref().take(CHUNK_BYTES as u64);
            self.input_ended = chunk.read_to_end(&mut self.buffer)? == 0;
        }
        Ok(self.buffer.get(self.start + offset).copied())
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
        self.bytes += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each row as its line, its fields and its fault.
    fn read(input: &[u8]) -> Vec<(u64, Vec<String>, Option<&'static str>)> {
        let (mut rows, mut row, mut all) = (Rows::new(input), Row::default(), Vec::new());
        rows.skip_mark().unwrap();
        while rows.read(&mut row).unwrap() {
            let fields = row.fields().map(|field| String::from_utf8_lossy(field).into_owned());
            all.push((row.line, fields.collect(), row.fault));
        }
        assert_eq!(rows.bytes(), input.len() as u64, "every byte is accounted for");
        all
    }

    fn lines(input: &str) -> Vec<(u64, String)> {
        let rows = read(input.as_bytes());
        rows.into_iter().map(|(line, fields, _)| (line, fields.join("|"))).collect()
    }

    fn expected(rows: &[(u64, &str)]) -> Vec<(u64, String)> {
        rows.iter().map(|&(line, fields)| (line, fields.to_owned())).collect()
    }

    #[test]
    fn rows_carry_the_line_that_an_editor_shows() {
        let rows = expected(&[(1, "a|b"), (2, "1|two\nlines"), (5, "3|"), (6, "4|\"5\"")]);
        assert_eq!(lines("a,b\n1,\"two\nlines\"\n\n3,\n4,\"\"\"5\"\"\""), rows);
        let rows = expected(&[(1, "a|b"), (3, "1|two\r\nlines"), (6, "3|")]);
        assert_eq!(lines("\u{feff}a,b\r\n\r\n1,\"two\r\nlines\"\r\n\r\n3,\r\n"), rows);
        assert_eq!(lines("a\rb\r\rc"), expected(&[(1, "a"), (2, "b"), (4, "c")]));
        assert_eq!(lines("12\" pipe,x"), expected(&[(1, "12\" pipe|x")]));
    }

    #[test]
    fn a_stray_quote_costs_one_row() {
        let rows = read(b"a,b\nx,\"says \"hi\" to\ny,1\nz,\"open\nw,2\n");
        let faulty: Vec<u64> = rows.iter().filter(|row| row.2.is_some()).map(|row| row.0).collect();
        assert_eq!(faulty, [2, 4]);
        let good: Vec<u64> = rows.iter().filter(|row| row.2.is_none()).map(|row| row.0).collect();
        assert_eq!(good, [1, 3, 5]);
        assert_eq!(rows[1].1, ["x"], "what stood before the fault is known");
    }

    #[test]
    fn a_row_without_end_is_given_up_at_the_bound() {
        let mut input = b"a,\"".to_vec();
        input.resize(3 * MOST_ROW_BYTES, b'x');
        input.extend_from_slice(b"\nb,1\n");
        let rows = read(&input);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].0, rows[0].2), (1, Some("is longer than 1 MiB")));
        assert_eq!((rows[1].0, rows[1].1.len()), (2, 2));
    }

    /// Every line opens a quote that the next one closes and opens again.
    #[test]
    fn a_file_made_of_open_quotes_is_read_in_bounded_work() {
        let input = "\",a\",\"\n".repeat(1_500_000);
        let mut rows = Rows::new(input.as_bytes());
        let (mut row, mut count) = (Row::default(), 0);
        while rows.read(&mut row).unwrap() {
            count += 1;
        }
        assert!(count > 100, "{count}");
    }

    proptest! {
        #[test]
        fn what_a_csv_writer_writes_is_read_back(
            records in prop::collection::vec(prop::collection::vec("[a-c,\"\r\n' é]{0,6}", 2..5), 0..20),
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for record in &records {
                writer.write_record(record).unwrap();
            }
            let rows = read(&writer.into_inner().unwrap());
            prop_assert!(rows.iter().all(|row| row.2.is_none()));
            prop_assert_eq!(rows.into_iter().map(|row| row.1).collect::<Vec<_>>(), records);
        }

        #[test]
        fn any_bytes_come_to_an_end(input in prop::collection::vec(prop::sample::select(b"a,\"\r\n\xff".to_vec()), 0..400)) {
            read(&input);
        }
    }
}
