//! One pass over everything that a text matches: filter, count, rank.

use super::SearchError;
use super::facets::{Counts, SegmentCounts};
use super::filter::{Filters, SegmentFilters, Verdict};
use super::query::{Facets, SearchQuery, Sort, SortBy};
use super::ranking::{Ranking, page};
use crate::domain::ProductId;
use std::str::FromStr;
use tantivy::query::{EnableScoring, Query};
use tantivy::{DocId, DocSet, Score, Searcher, SegmentReader, TERMINATED};

/// What a pass found.
pub(super) struct Found {
    /// How many products the text matches, whatever the filters say.
    pub matched: u64,
    pub total: u64,
    pub hits: Vec<ProductId>,
    pub facets: Facets,
}

/// Goes over all that `text` matches in the order and with the filters of `query`.
pub(super) fn scan(
    searcher: &Searcher,
    text: &dyn Query,
    filters: &Filters,
    query: &SearchQuery,
) -> Result<Found, SearchError> {
    let by_score = query.sort.by == SortBy::Relevance;
    let scoring = if by_score {
        EnableScoring::enabled_from_searcher(searcher)
    } else {
        EnableScoring::disabled_from_searcher(searcher)
    };
    let weight = text.weight(scoring)?;
    let mut found = Found { matched: 0, total: 0, hits: vec![], facets: Facets::default() };
    let mut candidates = Vec::new();
    let mut counts = query.facets.then(Counts::default);
    let wanted = if query.limit == 0 { 0 } else { query.offset.saturating_add(query.limit) };
    for segment in searcher.segment_readers() {
        let Some(mut pass) = Pass::new(segment, filters, query.sort, wanted, query.facets)? else {
            continue;
        };
        if by_score {
            weight.for_each(segment, &mut |row, score| pass.take(row, score))?;
        } else {
            weight.for_each_no_score(segment, &mut |rows| {
                rows.iter().for_each(|row| pass.take(*row, 0.0));
            })?;
        }
        found.matched += pass.matched;
        found.total += pass.total;
        pass.ranking.finish(&mut candidates)?;
        if let (Some(counts), Some(segment)) = (&mut counts, pass.counts) {
            counts.add(segment)?;
        }
    }
    for candidate in page(candidates, query.sort.direction, query.offset, query.limit) {
        found.hits.push(ProductId::from_str(&candidate.id)?);
    }
    found.facets = counts.map(Counts::finish).unwrap_or_default();
    Ok(found)
}

/// Whether anything at all matches.
pub(super) fn exists(searcher: &Searcher, query: &dyn Query) -> Result<bool, SearchError> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    for segment in searcher.segment_readers() {
        let mut rows = weight.scorer(segment, 1.0)?;
        while rows.doc() != TERMINATED {
            if is_alive(segment, rows.doc()) {
                return Ok(true);
            }
            rows.advance();
        }
    }
    Ok(false)
}

/// Rows of changed and removed products stay in their segment until it is merged.
pub(super) fn is_alive(segment: &SegmentReader, row: DocId) -> bool {
    segment.alive_bitset().is_none_or(|alive| alive.is_alive(row))
}

/// The pass over one segment.
struct Pass<'a> {
    segment: &'a SegmentReader,
    filters: SegmentFilters,
    ranking: Ranking,
    counts: Option<SegmentCounts>,
    matched: u64,
    total: u64,
}

impl<'a> Pass<'a> {
    /// `None` for a segment without any product.
    fn new(
        segment: &'a SegmentReader,
        filters: &Filters,
        sort: Sort,
        wanted: usize,
        facets: bool,
    ) -> Result<Option<Pass<'a>>, SearchError> {
        let Some(ranking) = Ranking::new(segment, sort, wanted)? else { return Ok(None) };
        let counts = if facets { Some(SegmentCounts::new(segment)?) } else { None };
        let filters = SegmentFilters::new(filters, segment)?;
        Ok(Some(Pass { segment, filters, ranking, counts, matched: 0, total: 0 }))
    }

    fn take(&mut self, row: DocId, score: Score) {
        if !is_alive(self.segment, row) {
            return;
        }
        self.matched += 1;
        let verdict = self.filters.judge(row);
        if let Some(counts) = &mut self.counts {
            counts.add(row, verdict, &self.filters);
        }
        if verdict == Verdict::Hit {
            self.total += 1;
            self.ranking.add(row, score);
        }
    }
}
