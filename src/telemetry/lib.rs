//! (being written)
mod scrape;
