//! Real adverts.
