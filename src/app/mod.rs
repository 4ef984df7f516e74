//! The application around the labs.
